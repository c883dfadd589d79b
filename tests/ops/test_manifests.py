"""Everything under deploy/ is well formed, strict, and names only what the program has."""

import shutil
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.ops import manifests
from tests.ops.manifests import DEPLOY, KUBERNETES, ROOT, Process

from tillkeeper.cli.main import app
from tillkeeper.kernel import sheets, smtp
from tillkeeper.ops.preflight.network_checks import proxies_max
from tillkeeper.web import shell
from tillkeeper.web.app import described

BIN = Path(sys.executable).parent
PROCESSES = manifests.processes()
PODS = dict(manifests.pods())
RESOURCES = list(manifests.resources())
PARTS = {"kind", "apiVersion", "metadata", "spec", "data"}
NUMBERS = {"livenessProbe": (30, 10), "readinessProbe": (5, 5)}
HELD_IN_FILES = ("TILL_SECRET_KEY", "DATABASE_URL", "DATABASE_OWNER_URL", "CELERY_BROKER_URL", "STRIPE_SECRET_KEY")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def command(words: tuple[str, ...]) -> None:
    """Read the words as `till` does, and run nothing."""
    found: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(found, "get_command"):
        found = found.get_command(None, rest.pop(0))
        assert found, f"there is no `till {' '.join(words)}`"
    found.make_context(found.name, rest)


def test_the_manifests_are_valid_to_the_letter() -> None:
    files = sorted({str(file) for file, _ in RESOURCES})
    said = run(BIN / "kubernetes-validate", "--strict", *files)
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.count("passed") + said.stderr.count("passed") == len(RESOURCES)


def test_the_validator_would_have_found_a_field_that_there_is_not(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text((KUBERNETES / "base" / "worker.yaml").read_text().replace("replicas: 2", "replicaz: 2"))
    assert run(BIN / "kubernetes-validate", "--strict", file).returncode != 0


def test_every_yaml_file_is_tidy() -> None:
    rules = (
        "{extends: default, rules: {line-length: {max: 130, ignore: [prometheus/]}, document-start: disable,"
        " truthy: {check-keys: false}, braces: {max-spaces-inside: 1}, comments: {min-spaces-from-content: 1},"
        " indentation: {indent-sequences: consistent}}}"
    )
    said = run(BIN / "yamllint", "--strict", "-d", rules, DEPLOY)
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.where)
def test_whatever_is_started_is_a_command_of_the_program_with_options_that_it_has(process: Process) -> None:
    command(tuple(process.words))


def test_a_command_that_there_is_not_would_be_found() -> None:
    with pytest.raises(AssertionError, match="there is no"):
        command(("celery", "wroker"))
    with pytest.raises(Exception, match="No such option"):
        command(("serve", "--worker-count", "2"))


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.where)
def test_every_variable_is_one_that_the_program_reads(process: Process) -> None:
    assert [name for name in process.environment if not manifests.is_known(name)] == []


def test_a_variable_that_nobody_reads_would_be_found() -> None:
    assert manifests.is_known("STRIPE_WEBHOOK_SECRET_PREVIOUS_FILE")
    assert not manifests.is_known("TILL_PORT")
    assert not manifests.is_known("DATABASE_URI")


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.where)
def test_no_secret_stands_in_the_environment(process: Process) -> None:
    for name in HELD_IN_FILES:
        assert "@" not in process.environment.get(name, ""), f"{name} holds a password"
    assert not any(name.endswith(("_KEY", "_SECRET", "_PASSWORD")) for name in process.environment)


def test_probes_ask_what_the_program_answers_at_its_ports() -> None:
    routes = {getattr(route, "path", "") for route in described().routes}
    probed = {path for process in PROCESSES for path in process.probes}
    assert probed == {"/health", "/ready"}
    assert probed <= routes
    assert {port for process in PROCESSES for port in process.ports} == {8000, 8001}


def test_probes_and_numbers_are_those_that_were_agreed_on() -> None:
    [api] = PODS["api.yaml: till-api"]["containers"]
    for probe, (delay, period) in NUMBERS.items():
        assert (api[probe]["initialDelaySeconds"], api[probe]["periodSeconds"]) == (delay, period)
    assert api["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }
    replicas = {
        each["metadata"]["name"]: each["spec"]["replicas"]
        for _, each in RESOURCES
        if "replicas" in each.get("spec", ())
    }
    assert replicas == {"till-api": 3, "till-worker": 2, "till-redis": 1, "till-beat": 1, "till-celery": 2}


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS.keys())
def test_a_pod_may_do_nothing_that_it_does_not_need(pod: manifests.Json) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]) == {"requests", "limits"}


def test_whoever_runs_several_times_has_a_budget_for_disruptions_and_an_autoscaler_of_its_size() -> None:
    names = {kind: {each["metadata"]["name"] for _, each in RESOURCES if each["kind"] == kind} for kind in
             ("PodDisruptionBudget", "HorizontalPodAutoscaler")}  # fmt: skip
    assert names["PodDisruptionBudget"] == names["HorizontalPodAutoscaler"] == {"till-api", "till-worker"}
    metrics = [
        metric["external"]["metric"]["name"]
        for _, each in RESOURCES
        if each["kind"] == "HorizontalPodAutoscaler"
        for metric in each["spec"]["metrics"]
        if metric["type"] == "External"
    ]
    assert metrics == ["till_inbox_backlog"]


@pytest.mark.parametrize("path", [shell.FILES_TO, shell.FILES_AT])
def test_an_ingress_lets_through_whatever_file_the_program_takes_in(path: str) -> None:
    prefixes = {
        each["path"]: ingress["metadata"]["annotations"].get("nginx.ingress.kubernetes.io/proxy-body-size", "1m")
        for _, ingress in RESOURCES
        if ingress["kind"] == "Ingress"
        for each in ingress["spec"]["rules"][0]["http"]["paths"]
    }
    decides = max((each for each in prefixes if path.startswith(each)), key=len)
    assert int(prefixes[decides].removesuffix("m")) << 20 > sheets.file_bytes_max


def test_pods_may_call_gateways_and_mail_servers_out_there_and_nothing_unencrypted() -> None:
    [way_out] = [each for _, each in RESOURCES if each["metadata"]["name"] == "till-out"]
    [public] = [
        {each["port"] for each in rule["ports"]}
        for rule in way_out["spec"]["egress"]
        if rule["to"][0].get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    ]
    assert public == {443, smtp.PORTS["smtps"], smtp.PORTS["smtp"]}


def test_kubernetes_makes_and_tries_backups_at_the_hours_of_the_timers_where_the_programs_of_postgresql_are() -> None:
    jobs = {each["metadata"]["name"]: each["spec"] for _, each in RESOURCES if each["kind"] == "CronJob"}
    assert {name: job["schedule"] for name, job in jobs.items()} == {
        "till-backup": "0 2 * * *",
        "till-drill": "0 5 * * 1",
    }
    assert {job["timeZone"] for job in jobs.values()} == {"Etc/UTC"}
    images = {PODS[f"backup.yaml: {name}"]["containers"][0]["image"] for name in jobs}
    assert images == {manifests.WITH_POSTGRESQL}


def test_the_image_of_backups_stands_on_the_postgresql_that_compose_runs() -> None:
    base = (DEPLOY / "image" / "postgresql.Dockerfile").read_text()
    assert f"FROM {manifests.compose()['services']['postgres']['image']}\n" in base


def test_kustomizations_name_files_that_are_there_and_patches_what_the_base_has() -> None:
    names = {(each["kind"], each["metadata"]["name"]) for _, each in RESOURCES}
    for folder, kustomization in manifests.kustomizations():
        for each in (*kustomization.get("resources", ()), *kustomization.get("components", ())):
            assert (folder / each).exists(), f"{folder.name}: {each}"
        for patch in kustomization.get("patches", ()):
            for part in yaml.safe_load_all((folder / patch["path"]).read_text()):
                assert (part["kind"], part["metadata"]["name"]) in names
                assert set(part) <= PARTS


def test_every_file_of_kubernetes_is_named_by_a_kustomization() -> None:
    named = {
        (folder / each).resolve()
        for folder, kustomization in manifests.kustomizations()
        for each in (
            *kustomization.get("resources", ()),
            *(patch["path"] for patch in kustomization.get("patches", ())),
        )
    }
    there = {file for file in KUBERNETES.rglob("*.yaml") if file.name != "kustomization.yaml"}
    assert there - named == set()


@pytest.mark.parametrize(("overlay", "mode", "api", "beat"), [("staging", "test", 2, 0), ("production", "live", 3, 1)])
def test_an_overlay_renders_to_what_is_valid(overlay: str, mode: str, api: int, beat: int, tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl") or pytest.skip("kubectl is absent, which renders overlays")
    said = run(kubectl, "kustomize", KUBERNETES / "overlays" / overlay)
    assert said.returncode == 0, said.stderr
    (tmp_path / "whole.yaml").write_text(said.stdout)
    assert run(BIN / "kubernetes-validate", "--strict", tmp_path / "whole.yaml").returncode == 0
    whole = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(said.stdout)}
    settings = whole["ConfigMap", "till-settings"]["data"]
    assert (settings["TILL_MODE"], settings["TILL_METRICS_PORT"]) == (mode, "8001"), "the base's others stay"
    assert whole["Deployment", "till-api"]["spec"]["replicas"] == api
    assert whole["HorizontalPodAutoscaler", "till-api"]["spec"]["minReplicas"] == api
    assert sum(name == "till-beat" for _, name in whole) == beat
    images = {
        pod["spec"]["containers"][0]["image"]
        for each in whole.values()
        if (pod := each.get("spec", {}).get("template"))
    }
    assert {image.partition(":")[0] for image in images} <= {
        "registry.example.com/tillkeeper",
        "docker.io/library/redis",
    }


def test_compose_hangs_together() -> None:
    whole = manifests.compose()
    services = whole["services"]
    assert set(services) == {"postgres", "migrate", "api", "worker", "nginx", "redis", "celery", "beat"}
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        assert set(service.get("secrets", ())) <= set(whole["secrets"]), name
        assert set(service["networks"]) <= set(whole["networks"]), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./") and "/tls" not in source:
                assert (DEPLOY / source).exists(), source
    assert {name for name, service in services.items() if "profiles" in service} == {"redis", "celery", "beat"}


def test_compose_believes_the_one_network_in_which_nginx_asks_the_api_and_nothing_else() -> None:
    whole = manifests.compose()
    [common] = {*whole["services"]["nginx"]["networks"]} & {*whole["services"]["api"]["networks"]}
    [fixed] = whole["networks"][common]["ipam"]["config"]
    assert {process.environment["TILL_TRUSTED_PROXIES"] for process in PROCESSES if "compose" in process.where} == {
        fixed["subnet"]
    }
    assert ip_network(fixed["subnet"]).num_addresses <= proxies_max


def test_compose_gives_every_secret_that_a_variable_names_a_file_for() -> None:
    whole = manifests.compose()
    for name, service in whole["services"].items():
        for variable, value in service.get("environment", {}).items():
            if variable.endswith("_FILE"):
                assert Path(value).name in service["secrets"], f"{name}: {variable}"


def test_what_makes_secrets_makes_those_that_compose_and_kubernetes_want_and_keeps_them(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert run(DEPLOY / "secrets" / "make", folder, "db1,db2", "sslmode=require").returncode == 0
    made = {file.name: file.read_text() for file in folder.iterdir()}
    compose = {Path(secret["file"]).name for secret in manifests.compose()["secrets"].values()}
    assert compose <= set(made)
    assert made["database_url"].strip().endswith("@db1,db2/tillkeeper?sslmode=require")
    assert made["postgres_app_password"].strip() in made["database_url"]
    assert len({*made.values()}) == len(made), "no two are the same"
    assert (folder.stat().st_mode & 0o777) == 0o700
    run(DEPLOY / "secrets" / "make", folder)
    assert {file.name: file.read_text() for file in folder.iterdir()} == made


def test_supervisor_lets_what_is_under_way_be_finished_and_keeps_five_logs_of_100_mb() -> None:
    programs = [section for name, section in manifests.supervised().items() if name.startswith("program:")]
    assert len(programs) == 2
    for section in programs:
        assert int(section["stopwaitsecs"]) > 40
        assert (section["stdout_logfile_maxbytes"], section["stdout_logfile_backups"]) == ("100MB", "5")
        assert section["stopasgroup"] == "false", "the first process tells the others"
