"""The files of deploy/ keep step with the product: versions, settings, options."""

import re
import shlex
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.main import app
from runtime.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
KUBERAY = yaml.safe_load((ROOT / "deploy" / "kuberay.yaml").read_text())


def containers() -> list[dict[str, Any]]:
    cluster = KUBERAY["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [container for group in groups for container in group["template"]["spec"]["containers"]]


def test_the_cluster_has_the_version_of_ray_that_the_image_installs() -> None:
    assert KUBERAY["spec"]["rayClusterSpec"]["rayVersion"] == version("ray")
    assert f"ray=={version('ray')}" in (ROOT / "constraints.txt").read_text()


def test_the_server_of_the_vectors_has_the_version_of_the_client() -> None:
    assert COMPOSE["services"]["chroma"]["image"] == f"chromadb/chroma:{version('chromadb')}"


def test_the_image_is_built_with_the_installer_of_the_makefile_and_named_after_the_release() -> None:
    [installer] = re.findall(r"uv==[\d.]+", (ROOT / "Makefile").read_text())
    assert installer in (ROOT / "deploy" / "Dockerfile").read_text()
    images = {container["image"] for container in containers()} | {COMPOSE["services"]["head"]["image"]}
    assert images == {f"ratchet:{version('ratchet')}"}


def test_every_setting_that_a_container_is_given_exists() -> None:
    names = {entry["name"] for container in containers() for entry in container["env"]}
    names |= set(COMPOSE["services"]["worker"]["environment"])
    settings = {f"{ENV_PREFIX}{name}".upper() for name in Settings.model_fields}
    assert {name for name in names if name.startswith(ENV_PREFIX)} <= settings


def in_comments(file: str) -> list[str]:
    text = (ROOT / "deploy" / file).read_text()
    return re.findall(r"^#.*?(ratchet run .*)$", text, re.MULTILINE)


@pytest.mark.parametrize("command", [KUBERAY["spec"]["entrypoint"], *in_comments("compose.yaml")])
def test_every_command_can_be_read(command: str) -> None:
    program, name, *arguments = shlex.split(command)
    asked = typer.main.get_command(app).commands[name]
    context = asked.make_context(name, arguments)
    assert (program, context.params["engine"]) == ("ratchet", "ray")
