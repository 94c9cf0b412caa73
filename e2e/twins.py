# SPDX-License-Identifier: AGPL-3.0-or-later
"""Random operations on several real clients, once with our server and once with
the official one; both must come to the same.

    e2e/run.sh twins --seeds 0-99
    e2e/run.sh twins --case cases/NAME.json

A case in which they differ is printed with its seed, shrunk to the steps that
it needs; saved below cases/, it is repeated by test_twins.py from then on.
"""

import argparse
import collections
import concurrent.futures
import itertools
import json
import tempfile
import time
from pathlib import Path

from twin_compare import compare
from twin_steps import make_case
from twin_world import Templates, World

class Twins:
    def __init__(self, folder):
        self.templates = Templates(folder)
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.tally = collections.Counter()
        self.worlds = []
        futures = [self.pool.submit(World, kind, folder, self.templates) for kind in ("djankiserv", "official")]
        try:
            for future in futures:
                self.worlds.append(future.result())
        except BaseException:
            # Whichever did start must not stay behind.
            self.worlds = [future.result() for future in futures if future.exception() is None]
            self.close()
            raise

    def close(self):
        for world in self.worlds:
            world.close()
        self.pool.shutdown()

    def differences(self, case):
        ours, official = self.pool.map(lambda world: world.run(case), self.worlds)
        self.tally.update(outcomes(case, ours))
        return compare(case, ours, official)

    def shrink(self, case, patience=400):
        """Drops steps and devices as long as a difference remains."""
        best, tries = case, 0
        size = max(1, len(case["steps"]) // 2)
        while size:
            position = 0
            while position < len(best["steps"]) and tries < patience:
                steps = best["steps"][:position] + best["steps"][position + size :]
                tries += 1
                shorter = best | {"steps": steps}
                # Twice: what comes by chance would lead astray.
                if self.differences(shorter) and self.differences(shorter):
                    best = shorter
                else:
                    position += size
            size //= 2
        for number in range(len(best["devices"])):
            calm = best | {"skews": [0 if index == number else skew for index, skew in enumerate(best["skews"])]}
            if calm != best and self.differences(calm):
                best = calm
        return best


def outcomes(case, results):
    """What the steps came to, to see that they do what they should."""
    for step, result in zip(case["steps"], results):
        if "act" in step:
            yield f"act {step['act']}: {' '.join(result[:2]) if result[0] == 'error' else result[0]}"
    yield from syncs(results)


def syncs(value):
    if isinstance(value, dict):
        if "said" in value:
            for result in value["results"]:
                yield f"sync: {result['did'] if isinstance(result, dict) else result or 'done'}"
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from syncs(item)


def report(case, found):
    """The case as a file, and what differs in it."""
    head = [f" {json.dumps(key)}: {json.dumps(case[key])}" for key in case if key != "steps"]
    steps = ["  " + json.dumps(step, ensure_ascii=False) for step in case["steps"]]
    text = "{\n" + ",\n".join(head) + ',\n "steps": [\n' + ",\n".join(steps) + "\n ]\n}"
    return "\n".join([text, f"seed {case.get('seed')}:", *found[:30]])


def chosen_cases(options):
    if options.case:
        return [json.loads(path.read_text()) for path in options.case]
    first, _, last = options.seeds.partition("-")
    seeds = itertools.count(int(first)) if options.minutes else range(int(first), int(last or first) + 1)
    return (make_case(seed, options.length) for seed in seeds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", default="0-9", help="a number, or first-last")
    parser.add_argument("--minutes", type=float, help="begin with the first seed, and go on for so long")
    parser.add_argument("--length", type=int, default=80, help="steps per case")
    parser.add_argument("--case", type=Path, nargs="*", help="files with one case each, instead of seeds")
    parser.add_argument("--no-shrink", action="store_true", help="report a failed case as it is")
    parser.add_argument("--keep-going", action="store_true", help="report all failed cases, not only the first")
    parser.add_argument("--tally", action="store_true", help="count what the steps came to")
    options = parser.parse_args()
    failed = count = steps = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="twins-") as folder:
        twins = Twins(folder)
        try:
            for case in chosen_cases(options):
                if options.minutes and time.monotonic() - started > 60 * options.minutes:
                    break
                found = twins.differences(case)
                count, steps = count + 1, steps + len(case["steps"])
                if found and not options.no_shrink:
                    case = twins.shrink(case)
                    found = twins.differences(case) or found
                if found:
                    failed += 1
                    print(report(case, found), flush=True)
                    if not options.keep_going:
                        break
        finally:
            twins.close()
    if options.tally:
        for name, number in sorted(twins.tally.items()):
            print(f"{number:6} {name}")
    print(f"{count} cases, {steps} steps in {time.monotonic() - started:.0f} s, {failed} with differences")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
