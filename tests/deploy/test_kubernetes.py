"""`deploy/kubernetes`, as kustomize builds it; there is no cluster here."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Bake, Baked

from flask_modwsgi.config import settings

from . import tools

OVERLAYS = {"staging": "hello-flask-staging", "production": "hello-flask"}
NEWEST = ("1.35", "1.36", "1.37")
CERTAIN = {  # what every overlay has, by kind and name; kustomize adds a hash to the last two
    *(("Deployment", "web"), ("Service", "web"), ("HorizontalPodAutoscaler", "web")),
    *(("PodDisruptionBudget", "web"), ("Ingress", "web"), ("NetworkPolicy", "web")),
    *(("ConfigMap", "settings"), ("Secret", "env")),
}
COMPONENTS = {("Job", "migrate"), ("ServiceMonitor", "web")}

Manifests = dict[tuple[str, str], dict[str, Any]]


def kustomize(folder: Path) -> str:
    if program := shutil.which("kustomize"):
        command: list[str | Path] = [program, "build", folder]
    elif program := shutil.which("kubectl"):
        command = [program, "kustomize", folder]
    else:
        pytest.skip(
            "kustomize not installed: apt-get install kustomize (Debian 13), or .ci/packages"
        )
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def prepare(folder: Path, components: bool = True) -> None:
    """What the owner of a project does before its first `kubectl apply -k`."""
    for overlay in OVERLAYS:
        shutil.copy(folder.parents[1] / ".env.example", folder / overlay / ".env")
        file = folder / overlay / "kustomization.yaml"
        text = file.read_text("utf-8")
        assert "\n# components:" in text
        if components:
            file.write_text(text.replace("\n# components:", "\ncomponents:"), "utf-8")


def loaded(text: str) -> Manifests:
    return {
        (one["kind"], re.sub("-[0-9a-z]{10}$", "", one["metadata"]["name"])): one
        for one in yaml.safe_load_all(text)
    }


@pytest.fixture(scope="module")
def folder(defaults: Baked, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("kubernetes") / "hello-flask"
    shutil.copytree(defaults.path, project)
    prepare(project / "deploy" / "kubernetes")
    return project / "deploy" / "kubernetes"


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, folder: Path) -> str:
    """The output of kustomize for that overlay."""
    return kustomize(folder / request.param)


@pytest.fixture
def production(folder: Path) -> Manifests:
    return loaded(kustomize(folder / "production"))


@pytest.fixture
def pod(production: Manifests) -> dict[str, Any]:
    """The pod of the Deployment."""
    return dict(production["Deployment", "web"]["spec"]["template"]["spec"])


@pytest.fixture
def chosen(production: Manifests) -> settings.Settings:
    """The settings that the pods have."""
    return settings.load(production["ConfigMap", "settings"]["data"])


def test_these_are_the_newest_versions() -> None:
    environment = tools.program("kubernetes-validate").parents[1]
    schemas = "lib/python*/site-packages/kubernetes_validate/kubernetes-json-schema"
    folders = environment.glob(f"{schemas}/v*-local-strict")
    known = [re.match(r"v(\d+)\.(\d+)\.", folder.name) for folder in folders]
    numbers = sorted({(int(found[1]), int(found[2])) for found in known if found})
    assert tuple(f"{major}.{minor}" for major, minor in numbers[-3:]) == NEWEST
    page = " ".join((ROOT / "docs/containers.md").read_text("utf-8").split())
    assert f"Kubernetes {', '.join(NEWEST[:-1])} and {NEWEST[-1]}." in page


@pytest.mark.parametrize("version", NEWEST)
def test_a_cluster_accepts_it(overlay: str, version: str, tmp_path: Path) -> None:
    said = assert_valid(overlay, tmp_path, "-k", version)
    assert [re.findall(r"kind (\w+)", line) for line in said if not line.startswith("INFO")] == [
        ["ServiceMonitor"]  # whose schema is the operator's
    ]
    assert len(said) == len(CERTAIN | COMPONENTS)


def test_checkov_finds_only_what_is_explained(overlay: str, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(overlay, "utf-8")
    command: list[str | Path] = [tools.program("checkov"), "--file", file, "--output", "json"]
    options = ("--skip-download", "--framework", "kubernetes", "--quiet")
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert found["summary"]["passed"] > 150
    texts = "".join(path.read_text("utf-8") for path in folder.rglob("*.yaml"))
    explained = set(re.findall(r"# .*\((CKV\w+)\)", texts))
    assert {row["check_id"] for row in found["results"]["failed_checks"]} == explained


def test_all_of_it_is_in_the_namespace_of_its_overlay(overlay: str) -> None:
    found = loaded(overlay)
    assert found.keys() == CERTAIN | COMPONENTS
    (namespace,) = {one["metadata"]["namespace"] for one in found.values()}
    assert namespace in OVERLAYS.values()
    labels = found["Deployment", "web"]["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "hello-flask"


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Where two documents differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from differences(one.get(key), other.get(key), f"{path}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for first, second in zip(one, other, strict=True):
            yield from differences(first, second, path)
    elif one != other:
        yield path


def test_the_overlays_differ_in_these_places_only(folder: Path) -> None:
    staging, production = (loaded(kustomize(folder / name)) for name in OVERLAYS)
    found = {
        f"{kind}{path}"
        for kind, name in staging
        for path in differences(staging[kind, name], production[kind, name])
        if path != "/metadata/namespace"
    }
    volumes = "/spec/template/spec/containers/envFrom/configMapRef/name"
    assert found == {
        "ConfigMap/data/HOSTS",
        "ConfigMap/metadata/name",
        f"Deployment{volumes}",
        f"Job{volumes}",
        "HorizontalPodAutoscaler/spec/minReplicas",
        "HorizontalPodAutoscaler/spec/maxReplicas",
        "Ingress/spec/rules/host",
        "Ingress/spec/tls/hosts",
    }


def test_production_is_what_it_was(production: Manifests) -> None:
    """For those who review a change: what it means for a cluster."""
    recorded = Path(__file__).with_name("production.yaml")
    production["Secret", "env"]["data"] = {".env": ""}  # it has each setting that is added
    text = yaml.safe_dump_all(one for _, one in sorted(production.items()))
    found = re.sub(r"\b(env|settings)-[0-9a-z]{10}\b", r"\1-HASH", text)
    if os.environ.get("RECORD"):
        recorded.write_text(found, "utf-8")
    assert found == recorded.read_text("utf-8"), (
        "if this is intended, type: RECORD=1 .venv/bin/python -m pytest -n 0 "
        "tests/deploy/test_kubernetes.py -k production_is"
    )


def test_a_cluster_accepts_scaling_by_busy_threads(defaults: Baked, tmp_path: Path) -> None:
    """The part of scaling.yaml that is commented out, and docs/scaling.md describes."""
    shutil.copytree(defaults.path, tmp_path / "project")
    folder = tmp_path / "project" / "deploy" / "kubernetes"
    prepare(folder)
    file = folder / "base" / "scaling.yaml"
    before, comment, after = file.read_text("utf-8").partition("    # - type: Pods\n")
    assert comment
    part, rest = after[: after.index("  behavior:")], after[after.index("  behavior:") :]
    file.write_text(before + "    - type: Pods\n" + part.replace("    # ", "    ") + rest, "utf-8")
    found = loaded(kustomize(folder / "production"))
    metrics = found["HorizontalPodAutoscaler", "web"]["spec"]["metrics"]
    assert [one["type"] for one in metrics] == ["Resource", "Pods"]
    chosen = settings.load(found["ConfigMap", "settings"]["data"])
    threads = chosen.processes * chosen.threads
    assert float(metrics[1]["pods"]["target"]["averageValue"]) == 0.7 * threads
    name = metrics[1]["pods"]["metric"]["name"]
    assert f"as: {name}\n" in (ROOT / "docs/scaling.md").read_text("utf-8")
    assert_valid(kustomize(folder / "production"), tmp_path)


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_cluster_accepts_a_class_and_an_issuer(
    defaults: Baked, tmp_path: Path, name: str
) -> None:
    """The part of the overlays that is commented out, which docs/containers.md describes."""
    shutil.copytree(defaults.path, tmp_path / "project")
    folder = tmp_path / "project" / "deploy" / "kubernetes"
    prepare(folder)
    file = folder / name / "kustomization.yaml"
    before = loaded(kustomize(folder / name))["Ingress", "web"]
    text = file.read_text("utf-8")
    assert text.count("      # - {op: add") == 2
    file.write_text(text.replace("      # - {op: add", "      - {op: add"), "utf-8")
    found = loaded(kustomize(folder / name))["Ingress", "web"]
    assert set(differences(before, found)) == {"/metadata/annotations", "/spec/ingressClassName"}
    assert found["spec"]["ingressClassName"] == "nginx"
    assert found["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt"}
    assert_valid(kustomize(folder / name), tmp_path)


def assert_valid(text: str, folder: Path, *options: str) -> list[str]:
    """Valid against the schemas of Kubernetes; what the validation says."""
    file = folder / "all.yaml"
    file.write_text(text, "utf-8")
    program = tools.program("kubernetes-validate")
    command: list[str | Path] = [program, "--strict", *options, file]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return (done.stdout + done.stderr).splitlines()


def test_without_components_there_is_nothing_of_them(defaults: Baked, tmp_path: Path) -> None:
    shutil.copytree(defaults.path, tmp_path / "project")
    folder = tmp_path / "project" / "deploy" / "kubernetes"
    prepare(folder, components=False)
    assert loaded(kustomize(folder / "production")).keys() == CERTAIN


def test_new_settings_and_secrets_mean_new_pods(defaults: Baked, tmp_path: Path) -> None:
    shutil.copytree(defaults.path, tmp_path / "project")
    folder = tmp_path / "project" / "deploy" / "kubernetes"
    prepare(folder)
    before = loaded(kustomize(folder / "production"))
    for file in ("base/settings.env", "production/.env"):
        with (folder / file).open("a") as text:
            text.write("ADDED=1\n")
    after = loaded(kustomize(folder / "production"))
    assert set(differences(before["Deployment", "web"], after["Deployment", "web"])) == {
        "/spec/template/spec/containers/envFrom/configMapRef/name",
        "/spec/template/spec/volumes/secret/secretName",
    }


def test_a_stop_has_the_time_it_needs(pod: dict[str, Any], chosen: settings.Settings) -> None:
    """At the end, STOP_LIMIT is followed by six seconds for SIGTERM and five for SIGKILL."""
    (container,) = pod["containers"]
    needed = container["lifecycle"]["preStop"]["sleep"]["seconds"] + chosen.stop_limit + 11
    assert needed <= pod["terminationGracePeriodSeconds"] < needed + 10


def test_a_start_has_the_time_it_needs(pod: dict[str, Any], chosen: settings.Settings) -> None:
    """It is ./run that gives up and says why, not the kubelet."""
    probe = pod["containers"][0]["startupProbe"]
    assert 2 * chosen.start_limit + 5 < probe["periodSeconds"] * probe["failureThreshold"]


def test_the_resources_are_those_of_the_processes(
    pod: dict[str, Any], chosen: settings.Settings
) -> None:
    (container,) = pod["containers"]
    resources = container["resources"]
    assert float(resources["limits"]["cpu"]) == chosen.processes
    assert float(resources["requests"]["cpu"]) == chosen.processes / 2


def test_the_memory_is_what_the_page_measured(pod: dict[str, Any]) -> None:
    page = (ROOT / "docs/containers.md").read_text("utf-8")
    (row,) = re.findall(r"^\| memory \| (\d+) MB requested, (\d+) MB .*?(\d+) MB \|$", page, re.M)
    told = {"requests": int(row[0]), "limits": int(row[1])}
    (container,) = pod["containers"]
    for kind, megabytes in told.items():
        assert container["resources"][kind]["memory"] == f"{megabytes}Mi"
    taken = int(row[2])
    assert told["requests"] >= taken
    assert told["limits"] >= 2 * taken


def test_ports_paths_and_the_user_are_those_of_the_image(
    pod: dict[str, Any], folder: Path, chosen: settings.Settings
) -> None:
    image = (folder.parent / "Containerfile").read_text("utf-8")
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert f" PORT={ports['http']} " in image and ports["metrics"] == chosen.metrics_port
    context = pod["securityContext"]
    assert f"\nUSER {context['runAsUser']}:{context['runAsGroup']}\n" in image
    assert context["fsGroup"] == context["runAsGroup"]  # which may read .env
    (root,) = re.findall(r"^WORKDIR (.*)$", image.partition("\nFROM")[2], re.MULTILINE)[-1:]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {f"{root}/.env", f"{root}/var", "/tmp"}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == "http"


def test_what_selects_pods_selects_these(production: Manifests) -> None:
    labels = production["Deployment", "web"]["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        production["Deployment", "web"]["spec"]["selector"]["matchLabels"],
        production["Service", "web"]["spec"]["selector"],
        production["PodDisruptionBudget", "web"]["spec"]["selector"]["matchLabels"],
    ]
    spread = production["Deployment", "web"]["spec"]["template"]["spec"]
    selectors += [spread["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]]
    job = production["Job", "migrate"]["spec"]["template"]["metadata"]["labels"].items()
    for selector in selectors:
        assert selector.items() <= labels
        assert not selector.items() <= job
    monitor = production["ServiceMonitor", "web"]["spec"]
    service = production["Service", "web"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}


@pytest.mark.parametrize(
    "answers",
    [
        {"project_slug": "on", "mount_point": "/"},
        {"project_slug": "1e3", "mount_point": "/~me/v1.0", "root_path": "/srv/a.b-c_d+e@f~g=h,i"},
        {"project_slug": "A.b_c-d" + "x" * 56, "app_name": "app", "mount_point": "null"},
        {"project_name": "it's \"#: {a} & *b", "project_slug": "x"},
    ],
    ids=str,
)
def test_answers_survive(bake: Bake, answers: dict[str, str], tmp_path: Path) -> None:
    baked = bake(**answers)
    folder = baked.path / "deploy" / "kubernetes"
    prepare(folder)
    text = kustomize(folder / "staging")
    found = loaded(text)
    namespace = found["Service", "web"]["metadata"]["namespace"]
    assert re.fullmatch("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", namespace)
    (container,) = found["Deployment", "web"]["spec"]["template"]["spec"]["containers"]
    mount = baked.answers["__mount_point"]
    assert container["livenessProbe"]["httpGet"]["path"] == f"{mount.rstrip('/')}/health/live"
    rule = found["Ingress", "web"]["spec"]["rules"][0]["http"]["paths"][0]
    assert rule["path"] == mount
    assert f"{baked.answers['root_path']}/.env" in {
        mount["mountPath"] for mount in container["volumeMounts"]
    }
    assert_valid(text, tmp_path)
