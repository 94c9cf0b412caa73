# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tables in Markdown."""

from statistics import mean, median

OURS, OFFICIAL = "djankiserv", "official"
# The most that our time may be of the official server's: a case's name (or its beginning) and the size it is for.
TARGETS = [
    ("login", None, 1.0),
    ("nothing to do", None, 1.5),
    ("sync 1000, raw", "small", 1.5),
    ("sync 1000, raw", "large", 0.5),
    ("send 1000", "small", 1.5),
    ("send 1000", "large", 0.5),
    ("receive 1000", "small", 1.5),
    ("receive 1000", "large", 0.5),
    ("upload, one piece", "large", 1.0),
    ("upload, client", "large", 0.4),
    ("download, kept", "large", 1.0),
    ("download, cold", "large", 2.5),
    ("media", None, 1.5),
    # Of throughput, so 0.8 times as much is 1.25 times the time.
    ("1 users", None, 1.25),
    ("8 users", None, 1.25),
    ("32 users", None, 1.25),
]


def target(size, case):
    for name, where, most in TARGETS:
        if case.startswith(name) and where in (None, size):
            return most
    return None


def times(result, side):
    """[(step, milliseconds each time)]. Of many at once, the time of one share: a second through the number of syncs."""
    costs = result["costs"].get(side, [])
    if "users" in result["case"]:
        name = "meta" if "meta" in result["case"] else "send"
        return [("each", [1000 * cost["seconds"] / len(cost["parts"][name]) for cost in costs])]
    if costs and costs[0]["parts"]:
        return [(step, [median(cost["parts"][step]) for cost in costs]) for step in costs[0]["parts"]]
    return [("", [1000 * cost["seconds"] for cost in costs])]


def number(ms):
    return f"{ms / 1000:.2f} s" if ms >= 1000 else f"{ms:.1f} ms" if ms >= 10 else f"{ms:.2f} ms"


def spread(values):
    return f"{number(median(values))} ({number(min(values))}–{number(max(values))})" if values else "–"


def done(cost):
    """How many of its thing a cost is of."""
    return max(1, sum(len(part) for part in cost["parts"].values()))


def cpu(result, side, field):
    costs = result["costs"].get(side, [])
    return number(1000 * mean(cost[field] / done(cost) for cost in costs)) if costs else "–"


def rows(result):
    most = target(result["size"], result["case"])
    names = [side for side in (OURS, OFFICIAL) if side in result["costs"]]
    by_step = {side: dict(times(result, side)) for side in names}
    for step in by_step[names[0]]:
        values = [by_step[side][step] for side in names]
        ratio = median(values[0]) / median(values[1]) if len(values) == 2 else None
        met = "" if most is None or ratio is None else f"≤ {most:g} {'✓' if ratio <= most else '✗'}"
        label = f"{result['case']}{', ' + step if step not in ('', 'each', 'meta') else ''}"
        yield label, [spread(v) for v in values], ratio, met


def line(result):
    out = []
    for label, values, ratio, met in rows(result):
        ratio = "" if ratio is None else f"{ratio:.2f}"
        costs = [f"{cpu(result, side, 'server_cpu')}+{cpu(result, side, 'database_cpu')}" for side in result["costs"]]
        peaks = [f"{max(c['peak'] for c in costs) >> 20}" for costs in result["costs"].values()]
        out.append(f"{result['size']:>9} {label:28} {' | '.join(values)} | {ratio} {met} | cpu {' | '.join(costs)} | MB {'|'.join(peaks)}")
    return "\n".join(out)


def tables(run):
    out = [f"{run['date']}, commit `{run['commit']}`, {run['machine']}, {run['engine']}{', short run' if run['quick'] else ''}\n"]
    for size in dict.fromkeys(result["size"] for result in run["results"]):
        results = [result for result in run["results"] if result["size"] == size]
        out.append(f"### {size}\n")
        out.append("| what | ours | official | ratio | target | CPU ours: server + database | CPU official | CPU client | peak MB ours / official |")
        out.append("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for result in results:
            for label, values, ratio, met in rows(result):
                if len(values) < 2 or ratio is None:
                    continue
                peaks = [f"{max(c['peak'] for c in result['costs'][side]) >> 20}" for side in (OURS, OFFICIAL)]
                ours = f"{cpu(result, OURS, 'server_cpu')} + {cpu(result, OURS, 'database_cpu')}"
                cells = [label, *values, f"{ratio:.2f}", met, ours, cpu(result, OFFICIAL, "server_cpu")]
                out.append("| " + " | ".join([*cells, cpu(result, OURS, "client_cpu"), " / ".join(peaks)]) + " |")
        out.append("")
    whole = "; ".join(f"{side}: {used['server']:.0f} s + {used['database']:.0f} s" for side, used in run["whole"].items())
    out.append(f"CPU of the whole run, server + database, what they do between the measurements included: {whole}.\n")
    return "\n".join(out)


def write(path, engine, text):
    """Replaces what stands between the marks of this engine."""
    begin, end = f"<!-- {engine}: written by make bench -->\n", f"<!-- {engine}: end -->"
    whole = path.read_text()
    before, found, rest = whole.partition(begin)
    if not found or end not in rest:
        raise SystemExit(f"{path} has no place for the results: {begin.strip()} … {end}")
    path.write_text(before + begin + text + end + rest.partition(end)[2])
