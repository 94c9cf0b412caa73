# SPDX-License-Identifier: AGPL-3.0-or-later
"""The Dockerfile and the compose files. No image is built here: there is no
container engine on the machines that run these tests. They are linted, and
what can be run without an engine is run."""

import re
import subprocess

import pytest
import yaml
from conftest import REPO, TOOLS, clean_environment, run

DOCKER = REPO / "packaging/docker"
COMPOSE = sorted((REPO / "packaging/compose").glob("compose*.yaml"))


def test_dockerfile_is_clean():
    run(TOOLS / "hadolint", DOCKER / "Dockerfile")


def test_what_the_dockerfile_copies_is_sent_to_the_builder():
    """.dockerignore lets through what it names only."""
    sent = [line[1:] for line in (REPO / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for path in sent:
        assert (REPO / path).exists(), path
    for source in re.findall(r"^COPY (?:--chmod=\S+ )?(?!--from)(\S+) ", (DOCKER / "Dockerfile").read_text(), re.M):
        assert source == "." or any(source == path or source.startswith(f"{path}/") for path in sent), source


def test_workspace_needs_nothing_that_is_not_sent():
    """Cargo reads the manifests in a folder that holds only what is sent."""
    sent = [line[1:] for line in (REPO / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    tracked = run("git", "ls-files", *sent).split()
    needed = [line for line in run("git", "grep", "-hE", "^path = ", "--", "crates/*/Cargo.toml").splitlines()]
    for line in needed:
        path = line.split('"')[1]
        if path.startswith("../../"):
            assert path[6:] in tracked, f"{path} is named in a Cargo.toml and not sent to the builder"


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.stem)
def test_compose_follows_its_schema(path):
    run(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.stem)
def test_compose_names_what_is_there(path, binary, tmp_path):
    content = yaml.safe_load(path.read_text())
    stages = re.findall(r"^FROM .* AS (\S+)$", (DOCKER / "Dockerfile").read_text(), re.M)
    for name, service in content["services"].items():
        build = service.get("build")
        if build:
            assert build["target"] in stages
            assert (path.parent / build["context"] / build["dockerfile"]).is_file()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (path.parent / source).exists() if source.startswith(".") else source in content["volumes"]
        for secret in service.get("secrets", []):
            assert secret in content["secrets"]
        if name == "djankiserv":
            accepted_by_the_program(binary, service.get("environment", {}), tmp_path)


def accepted_by_the_program(binary, environment, folder):
    """No setting is misspelt or has a value that the program refuses."""
    values = {"DJANKISERV_DATA_ROOT": str(folder)}
    for name, value in environment.items():
        value = re.sub(r"\$\{[A-Z_]+:\?[^}]*\}", "anki.example.com", value)
        if name.endswith("_FILE"):
            secret = folder / name
            secret.write_text("secret\n")
            value = str(secret)
        values[name] = value
    shown = run(binary, "config", "show", env=clean_environment() | values)
    for name in environment:
        assert name.removesuffix("_FILE") in shown, f"{name} means nothing to the program"


def test_healthcheck(server):
    check = DOCKER / "healthcheck"
    run(check, "127.0.0.1", server.port)
    run(check, "127.0.0.1", server.port, "/health")
    run(check, env=clean_environment() | {"DJANKISERV_LISTEN_PORT": str(server.port)})
    for arguments in (["127.0.0.1", "1"], ["127.0.0.1", str(server.port), "/nowhere"]):
        done = subprocess.run([check, *arguments], capture_output=True, text=True)
        assert done.returncode != 0, arguments


def test_scripts_are_clean():
    scripts = run("git", "grep", "-lE", "^#!.*(bash|/sh)").split()
    assert "packaging/docker/healthcheck" in scripts
    # Sourced files and the constant of a loop are no errors.
    run(TOOLS / "shellcheck", "--severity=warning", *scripts)
