"""What deploy/ says of the program, read from every manifest, Compose file and unit in one shape."""

import ast
import configparser
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
WITH_POSTGRESQL = "tillkeeper-backup"
"""The image of Tillkeeper that has the programs of PostgreSQL beside it."""
OF_PYTHON = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
IN_FILES = re.compile(r"(_PREVIOUS(_UNTIL)?)?(_FILE)?$")

Json = dict[str, Any]


@dataclass(frozen=True)
class Process:
    """Hold one process of the program that somebody starts: by which words, and in which environment."""

    where: str
    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    probes: Sequence[str] = ()
    ports: Sequence[int] = ()


@cache
def known_variables() -> frozenset[str]:
    """List every name in the program that looks like one of an environment variable."""
    found: set[str] = set()
    for file in (ROOT / "src" / "tillkeeper").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
                found.add(node.value)
    return frozenset(found)


def is_known(variable: str) -> bool:
    """Tell whether the program reads a variable; secrets may come as files, and with the one before them."""
    return variable in OF_PYTHON or {variable, IN_FILES.sub("", variable)} & known_variables() != set()


def resources() -> Iterator[tuple[Path, Json]]:
    """Read every whole resource for Kubernetes; patches are parts of some."""
    for file in sorted(KUBERNETES.rglob("*.yaml")):
        if file.name != "kustomization.yaml" and file not in patches():
            for resource in yaml.safe_load_all(file.read_text()):
                yield file, resource


@cache
def patches() -> frozenset[Path]:
    """List the files that change resources of the base."""
    return frozenset(
        folder / patch["path"]
        for folder, kustomization in kustomizations()
        for patch in kustomization.get("patches", ())
    )


def kustomizations() -> Iterator[tuple[Path, Json]]:
    for file in sorted(KUBERNETES.rglob("kustomization.yaml")):
        yield file.parent, yaml.safe_load(file.read_text())


def pods() -> Iterator[tuple[str, Json]]:
    """Read what every pod is made of."""
    for file, resource in resources():
        where = f"{file.name}: {resource['metadata']['name']}"
        if resource["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield where, resource["spec"]["template"]["spec"]
        if resource["kind"] == "CronJob":
            yield where, resource["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def compose() -> Json:
    read: Json = yaml.safe_load((DEPLOY / "compose.yml").read_text())
    return read


def processes() -> list[Process]:
    """List every process of ours that anything under deploy/ starts."""
    return [*_in_pods(), *_in_compose(), *_in_units(), *_under_supervisor()]


def _in_pods() -> Iterator[Process]:
    settings = {
        name: value for _, each in resources() if each["kind"] == "ConfigMap" for name, value in each["data"].items()
    }
    for file in patches():
        for each in yaml.safe_load_all(file.read_text()):
            settings |= each.get("data", {})
    for where, pod in pods():
        for container in pod["containers"]:
            if container["image"] in {"tillkeeper", WITH_POSTGRESQL}:
                probes = [container[kind]["httpGet"] for kind in container if kind.endswith("Probe")]
                named = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
                yield Process(
                    where,
                    container["args"],
                    settings | {each["name"]: each["value"] for each in container.get("env", ())},
                    [probe["path"] for probe in probes],
                    [*named.values(), *(named[probe["port"]] for probe in probes)],
                )


def _in_compose() -> Iterator[Process]:
    for name, service in compose()["services"].items():
        if "tillkeeper" in service["image"]:
            ports = [int(port) for port in service.get("expose", ())]
            yield Process(f"compose.yml: {name}", service["command"], service["environment"], (), ports)


def _in_units() -> Iterator[Process]:
    shared = dict(
        line.split("=", 1) for line in settings_lines(DEPLOY / "systemd" / "tillkeeper.env") if not line.startswith("#")
    )
    for file in sorted((DEPLOY / "systemd").glob("*.service")):
        lines = file.read_text().splitlines()
        [started] = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
        own = [line.removeprefix("Environment=").split() for line in lines if line.startswith("Environment=")]
        environment = dict(pair.split("=", 1) for pairs in own for pair in pairs)
        yield Process(file.name, shlex.split(started)[1:], shared | environment)


def settings_lines(file: Path) -> list[str]:
    """List the settings of an environment file, those that are switched off as well."""
    return [line.removeprefix("#") for line in file.read_text().splitlines() if re.match(r"#?[A-Z_]+=", line)]


def _under_supervisor() -> Iterator[Process]:
    for name, section in supervised().items():
        if name.startswith("program:"):
            [_, _, script] = shlex.split(section["command"])
            yield Process(f"supervisor: {name}", shlex.split(script.rpartition("exec ")[2])[1:])


def supervised() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string((DEPLOY / "supervisor" / "tillkeeper.conf").read_text())
    return parser
