# SPDX-License-Identifier: AGPL-3.0-or-later
"""The Helm chart: linted and rendered by Helm's own engine, each object checked
against Kubernetes' schemas, and what it hands to the program given to the
program. No cluster is involved."""

import base64
import re
import secrets
import subprocess

import kubernetes_validate
import pytest
import yaml
from conftest import REPO, clean_environment, run
from helm_python import HelmError
from helm_python.chart import Chart, lint

CHART = REPO / "charts/djankiserv"
CASES = {"default": {}} | {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((CHART / "ci").glob("*.yaml"))
}
# The oldest that the chart promises, and a newer one.
KUBERNETES = ["1.25", "1.34"]


@pytest.fixture(scope="module")
def chart():
    with Chart.load(CHART) as chart:
        yield chart


def render(chart, values, **how):
    """All objects as (kind, name) -> object."""
    rendered = chart.render(values, name="rel", namespace="anki", **how)
    objects = {}
    for path, text in rendered.items():
        if path.endswith(".yaml"):
            for item in yaml.safe_load_all(text):
                if item:
                    assert objects.setdefault((item["kind"], item["metadata"]["name"]), item) is item, "made twice"
    return objects


@pytest.mark.parametrize("case", CASES)
def test_lint(case):
    report = lint(CHART, CASES[case], strict=True)
    assert not report["errors"], report
    assert all(message["severity"] < 2 for message in report["messages"]), report


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("case", CASES)
def test_objects_follow_the_schemas(chart, case, version):
    objects = render(chart, CASES[case])
    for (kind, _), item in objects.items():
        if kind not in ("ClusterIssuer", "ServiceMonitor"):  # of others, whose schemas are not Kubernetes' own
            kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("case", CASES)
def test_references_lead_somewhere(chart, case):
    objects = render(chart, CASES[case])
    allowed = {
        "anki-keys",
        "anki-db",
        "anki-media",
        "anki-bucket",
        "anki-backup",
        "anki-tls",
        "anki-authority",
        "letsencrypt-cert-staging",
    }  # made by others
    names = {name for _, name in objects} | allowed
    for item in objects.values():
        for pod in pods(item):
            for volume in pod.get("volumes", []):
                for kind, key in (
                    ("secret", "secretName"),
                    ("configMap", "name"),
                    ("persistentVolumeClaim", "claimName"),
                ):
                    if kind in volume:
                        assert volume[kind][key] in names, volume
                for source in volume.get("projected", {}).get("sources", []):
                    assert source["secret"]["name"] in names, volume
            assert pod["securityContext"]["runAsNonRoot"] is True
            mounted = {volume["name"] for volume in pod.get("volumes", [])}
            for claim in item["spec"].get("volumeClaimTemplates", []):
                mounted.add(claim["metadata"]["name"])
            for container in pod["containers"] + pod.get("initContainers", []):
                assert container["securityContext"]["readOnlyRootFilesystem"] is True
                assert {mount["name"] for mount in container.get("volumeMounts", [])} <= mounted
                for variable in container.get("env", []):
                    assert "PASSWORD" not in variable["name"] or variable["name"].endswith("_FILE"), (
                        "a secret in the clear"
                    )


def pods(item):
    if item["kind"] == "Pod":
        yield item["spec"]
    elif "template" in item.get("spec", {}):
        yield item["spec"]["template"]["spec"]


@pytest.mark.parametrize("case", CASES)
def test_the_program_accepts_its_settings(chart, case, binary, tmp_path):
    certificate = tmp_path / "authority.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -days 2 -out".split()
    run(*command, str(certificate), "-keyout", str(tmp_path / "authority.key"))
    objects = render(chart, CASES[case])
    (pod,) = pods(objects["Deployment", "rel-djankiserv"])
    values = {}
    for variable in pod["containers"][0]["env"]:
        value = variable.get("value", "from-a-secret")
        if variable["name"].endswith("_FILE"):
            secret = tmp_path / value.strip("/").replace("/", "-")
            secret.write_text(secrets.token_hex(24))
            value = str(secret)
        if variable["name"].endswith("SSLROOTCERT"):
            (mount,) = (m for m in pod["containers"][0]["volumeMounts"] if value.startswith(m["mountPath"] + "/"))
            (volume,) = (v for v in pod["volumes"] if v["name"] == mount["name"])
            assert volume["configMap"]["name"] == "anki-authority"
            value = str(certificate)
        values[variable["name"]] = value
    values["DJANKISERV_DATA_ROOT"] = str(tmp_path)
    done = subprocess.run(
        [binary, "config", "show"], env=clean_environment() | values, text=True, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "is not a setting" not in done.stderr, done.stderr
    for name in values:
        assert name.removesuffix("_FILE") in done.stdout, f"{name} means nothing to the program"
    if case == "two-servers":
        assert "collections.example.com" in done.stdout
        assert "accounts.example.com" in done.stdout
        assert values["DJANKISERV_MAINDB_SSLMODE"] == "verify-full" and str(certificate) in done.stdout


@pytest.mark.parametrize("case", CASES)
def test_databases_let_the_server_in(chart, case):
    """What the network policies select are the pods that there are."""
    objects = render(chart, CASES[case])
    labels = {
        name: item["spec"]["template"]["metadata"]["labels"]
        for (kind, name), item in objects.items()
        if kind != "Pod" and "template" in item.get("spec", {})
    }
    for (kind, name), item in objects.items():
        if kind == "NetworkPolicy":
            wanted = item["spec"]["podSelector"]["matchLabels"]
            assert any(wanted.items() <= pod.items() for pod in labels.values()), name
        if kind == "Service":
            selected = [pod for pod, have in labels.items() if item["spec"]["selector"].items() <= have.items()]
            assert selected == [name.removesuffix("-metrics")], f"the service {name} leads to {selected}"


def test_secrets_of_other_settings_come_from_secrets(chart):
    """As a file where the setting's name says so, and in the migration's job too."""
    objects = render(chart, CASES["several"], is_upgrade=True)
    for name in (("Deployment", "rel-djankiserv"), ("Job", "rel-djankiserv-migrate")):
        (pod,) = pods(objects[name])
        container = pod["containers"][0]
        variables = {variable["name"]: variable for variable in container["env"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        (extra,) = [volume for volume in pod["volumes"] if volume["name"] == "extra"]
        (source,) = extra["projected"]["sources"]
        (item,) = source["secret"]["items"]
        assert (source["secret"]["name"], item["key"]) == ("anki-backup", "secret-key")
        assert variables["DJANKISERV_BACKUP_SECRET_KEY_FILE"]["value"] == f"{mounts['extra']}/{item['path']}"
        by_value = variables["DJANKISERV_BACKUP_ACCESS_KEY"]["valueFrom"]["secretKeyRef"]
        assert by_value == {"name": "anki-backup", "key": "access-key"}
    assert "extra" not in str(render(chart, {})["Deployment", "rel-djankiserv"])


def test_secrets_are_long_and_differ(chart):
    objects = render(chart, {})
    key = base64.b64decode(objects["Secret", "rel-djankiserv"]["data"]["secret-key"])
    password = base64.b64decode(objects["Secret", "rel-djankiserv-postgresql"]["data"]["password"])
    assert len(key) >= 32 and len(password) >= 32 and key != password


def test_mariadb_gets_the_documented_rights(chart):
    objects = render(chart, CASES["mariadb"])
    rights = objects["ConfigMap", "rel-djankiserv-mariadb"]["data"]["rights.sql"]
    documented = re.search(r"^GRANT .* ON `djs.*$", (REPO / "docs/databases.md").read_text(), re.M)[0]
    assert rights.strip() == documented.replace("localhost", "%")
    compose = (REPO / "packaging/compose/mariadb-rights.sql").read_text()
    assert compose.splitlines()[-1] == rights.strip()


def test_an_upgrade_migrates_first(chart):
    job = render(chart, {}, is_upgrade=True)["Job", "rel-djankiserv-migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["migrate"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"replicaCount": 2}, "ReadWriteMany"),
        ({"postgresql": {"enabled": False}}, "there is no database"),
        ({"mariadb": {"enabled": True}}, "exclude each other"),
        ({"djankiserv": {"db": {"main": {"host": "db"}}}}, "existingSecret"),
        ({"djankiserv": {"db": {"user": {"host": "db"}}}}, "another server"),
        ({"djankiserv": {"media": {"url": "s3://bucket"}}}, "existingSecret"),
        ({"djankiserv": {"media": {"url": "https://bucket"}}}, "url"),
        ({"clusterissuer": {"prod": {"enabled": True}}}, "clusterissuer.prod.email"),
        ({"ingress": {"enabled": True}, "djankiserv": {"host": "*"}}, "needs a name"),
        ({"replicas": 2}, "replicas"),
        ({"djankiserv": {"secretKey": "short"}}, "secretKey"),
        ({"djankiserv": {"persistence": {"size": "ten"}}}, "size"),
    ],
)
def test_what_cannot_work_is_refused(chart, values, message):
    with pytest.raises(HelmError) as error:
        chart.validate_schema(values)
        chart.render(values, name="rel", namespace="anki")
    assert message in str(error.value)


def test_the_schema_knows_every_value():
    """And demands nothing of which there is no default."""
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())

    def walk(known, values, where):
        if "properties" not in known:
            return
        for name in values:
            assert name in known["properties"], f"{where}.{name}"
            if isinstance(values[name], dict):
                walk(known["properties"][name], values[name], f"{where}.{name}")

    walk(schema, yaml.safe_load((CHART / "values.yaml").read_text()), "")


def test_helm_test_passes_against_a_server(chart, server, tmp_path):
    """The script of `helm test`, with the service's name replaced."""
    pod = render(chart, {"djankiserv": {"host": "*"}})["Pod", "rel-djankiserv-test"]["spec"]["containers"][0]
    environment = {variable["name"]: variable["value"] for variable in pod["env"]}
    environment |= {"SERVICE": "127.0.0.1", "PORT": str(server.port)}
    (tmp_path / "healthcheck").symlink_to(REPO / "packaging/docker/healthcheck")
    environment["PATH"] = f"{tmp_path}:/usr/bin:/bin"
    command = [*pod["command"], *pod["args"]]
    assert "djankiserv answers." in run(*command, env=environment)
    environment["BODY"] = ""
    assert subprocess.run(command, env=environment, capture_output=True).returncode != 0


def test_readme_names_the_values():
    """Each value, or a group that holds it, has a row in the README."""
    rows = set(re.findall(r"^\| `([\w.]+)`", (CHART / "README.md").read_text(), re.M))
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def walk(values, path):
        for name, value in values.items():
            here = f"{path}{name}"
            if here in rows:
                continue
            assert isinstance(value, dict) and value, f"{here} is not in the README"
            walk(value, f"{here}.")

    walk(values, "")
