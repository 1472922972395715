"""`deploy/compose.yaml`: as podman-compose reads it, its three services together, its `Caddyfile` alone."""

import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Baked, Built, quicker
from serving import Project, ask, free_port, running, wait_for

from . import composed, images, tools
from .composed import Composed
from .images import Images

SECRETS = "FLASK_SECRET_KEY=0123456789abcdef0123456789abcdef\nPOSTGRES_PASSWORD=secret\n"
# What two readers of the file write in the same way.
SAME = (
    *("build", "image", "read_only", "tmpfs", "cap_drop", "security_opt"),
    *("restart", "stop_grace_period", "healthcheck"),
)
VIEWS = """

@bp.post("/sent")
def sent() -> str:
    return str(len(request.get_data()))
"""
OWN = """\
{{
	admin off
	auto_https disable_redirects
	skip_install_trust
	storage file_system {folder}
}}
"""


@pytest.fixture
def project(defaults: Baked, tmp_path: Path) -> Path:
    folder = tmp_path / "hello-flask"
    shutil.copytree(defaults.path, folder)
    shutil.copy(folder / ".env.example", folder / ".env")
    return folder


def read(project: Path) -> subprocess.CompletedProcess[str]:
    program = tools.program("podman-compose")
    words = ["-f", "deploy/compose.yaml", "--env-file", ".env", "config"]
    return subprocess.run([program, *words], cwd=project, capture_output=True, text=True)


def services(project: Path) -> dict[str, dict[str, Any]]:
    with (project / ".env").open("a") as file:
        file.write("POSTGRES_PASSWORD=secret\nSITE=www.example.com\n")
    done = read(project)
    assert done.returncode == 0, done.stderr
    return dict(yaml.safe_load(done.stdout)["services"])


@pytest.mark.needs("podman")
def test_a_reader_of_compose_files_understands_it(project: Path) -> None:
    found = services(project)
    assert found.keys() == {"web", "database", "proxy"}
    web = found["web"]
    assert (Path(web["build"]["context"]) / web["build"]["dockerfile"]).is_file()
    assert web["environment"]["DATABASE_URL"] == "postgresql://app:secret@database/app"
    assert found["database"]["environment"]["POSTGRES_PASSWORD"] == "secret"
    assert found["proxy"]["environment"]["SITE"] == "www.example.com"
    assert "ports" not in web and "ports" not in found["database"]
    (file,) = (volume for volume in found["proxy"]["volumes"] if "Caddyfile" in str(volume))
    assert str(file).endswith(":ro,z")  # SELinux lets a container read no other file of the host


def docker_compose(project: Path) -> dict[str, dict[str, Any]]:
    """The services as Docker Compose understands them, with the values of `.env`."""
    command = ["docker-compose", "-f", "deploy/compose.yaml", "--env-file", ".env"]
    version = ("docker-compose", "version", "--short")
    if not shutil.which("docker-compose") or _output(version, project).startswith("1."):
        pytest.skip(
            "docker-compose 2 not installed: apt-get install docker-compose (Debian 13), or .ci/packages"
        )
    return dict(json.loads(_output((*command, "config", "--format", "json"), project))["services"])


def _output(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def conditions(service: dict[str, Any]) -> dict[str, str]:
    """Which services it starts after, and when."""
    return {name: how["condition"] for name, how in service.get("depends_on", {}).items()}


@pytest.mark.needs("podman")
def test_docker_compose_makes_the_same_of_it(project: Path) -> None:
    expected = services(project)
    found = docker_compose(project)
    assert found.keys() == expected.keys()
    for name, service in expected.items():
        own = found[name]
        assert {key: own.get(key) for key in SAME} == {key: service.get(key) for key in SAME}
        assert own["environment"].items() >= service["environment"].items()
        assert conditions(own) == conditions(service)
        ports = [f"{one['published']}:{one['target']}" for one in own.get("ports", [])]
        assert ports == service.get("ports", [])
        targets = [one["target"] for one in own.get("volumes", [])]
        assert targets == [one.split(":")[1] for one in service.get("volumes", [])]
    policy = found["web"]["environment"]["CONTENT_SECURITY_POLICY"]
    assert policy.startswith("default-src 'self'; ")  # without the quotes around it in .env


@pytest.mark.needs("podman")
def test_without_a_password_it_says_what_to_do(project: Path) -> None:
    done = read(project)
    assert done.returncode != 0
    assert "write one into .env" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def together(store: Images, defaults: Baked, workplace: Path) -> Iterator[Composed]:
    """All three, started by the command of README."""
    composed.require()
    folder = workplace / "composed" / "hello-flask"
    shutil.copytree(defaults.path, folder)
    own = Project(folder, "", 0)
    own.add_views()
    with (own.package / "views.py").open("a", encoding="utf-8") as file:
        file.write(VIEWS)
    for line in re.findall(r"^    ((?:test|printf) .*\.env.*)$", defaults.read("README.md"), re.M):
        subprocess.run(["sh", "-c", line], cwd=folder, check=True)
    with (folder / ".env").open("a") as file:
        file.write(f"{SECRETS}SITE=localhost\n")
    base = ("--build-arg", f"BASE={images.BASE}")
    store.build(folder, "deploy/Containerfile", "localhost/hello-flask", *base)
    with composed.namespaces(store, folder) as running:
        done = running.compose("up", "--detach", "--no-build")
        assert done.returncode == 0, done.stderr
        yield running


@pytest.mark.slow
@pytest.mark.needs(*images.PROGRAMS, "nsenter", "curl")
def test_the_three_of_them_together(together: Composed) -> None:
    def page() -> str:
        found = together.ask("https://localhost/")
        return found if 'href="/static/style.css' in found else ""

    wait_for(page, 60, "the page by HTTPS")
    assert "308" in together.ask("-i", "http://localhost/a").splitlines()[0]
    assert "'self'" in together.ask("-i", "https://localhost/")  # quotes in .env are no part of it

    lines = together.podman("logs", "hello-flask_web_1").stdout.splitlines()
    asked = [json.loads(line) for line in lines if '"url": "/"' in line]
    proxy = together.podman("exec", "hello-flask_web_1", "getent", "hosts", "proxy").stdout.split()[
        0
    ]
    assert asked and proxy not in {line["client"] for line in asked}


@pytest.mark.slow
@pytest.mark.needs(*images.PROGRAMS, "nsenter", "curl")
def test_the_application_reaches_its_database(together: Composed) -> None:
    url = together.podman("exec", "hello-flask_web_1", "printenv", "DATABASE_URL").stdout.strip()
    connects = "import socket; socket.create_connection(('database', 5432), 10)"
    words = ("hello-flask_web_1", ".venv/bin/python", "-c", connects)
    wait_for(lambda: together.podman("exec", *words).returncode == 0, 60, "the database")
    asks = ("exec", "hello-flask_database_1", "psql", "--tuples-only", "--command", "select 41 + 1")
    # Whatever forwards the port may accept before the database does, which may refuse at first.
    wait_for(lambda: together.podman(*asks, url).stdout.strip() == "42", 60, "its answer")
    assert together.podman(*asks, url.replace("secret", "wrong")).returncode != 0


@pytest.mark.slow
@pytest.mark.needs(*images.PROGRAMS, "nsenter", "curl")
def test_a_new_container_fails_no_page(together: Composed) -> None:
    """As `docker compose up` replaces one; podman-compose would also replace the proxy."""
    wait_for(lambda: together.ask("https://localhost/health/live"), 60, "an answer")
    with together.load() as records:
        began = time.monotonic()
        assert together.podman("rename", "hello-flask_web_1", "old").returncode == 0
        assert together.podman("stop", "--time", "25", "old").returncode == 0
        words = ("up", "--detach", "--no-build", "--no-deps", "--no-recreate", "web")
        done = together.compose(*words)
        assert done.returncode == 0, done.stderr

        def answers() -> bool:
            log = together.podman("logs", "hello-flask_web_1").stdout
            return '"url": "/slow' in log and '"url": "/sent' in log

        wait_for(answers, 60, "its answers")
        gap = time.monotonic() - began
    (got, lost), (sent, lost_forms) = records
    assert got >= 12 and sent >= 4  # each client had one from either container
    # Where that took almost as long as a request waits for a server, nothing can be said of these.
    assert lost == [] or gap > 50
    assert len(lost_forms) <= 4 or gap > 50  # of two clients; without retries each loses dozens


@pytest.mark.slow
@pytest.mark.needs(*images.PROGRAMS, "nsenter", "curl")
def test_all_end_in_time(together: Composed) -> None:
    """The last one: it ends them."""
    assert together.compose("stop").returncode == 0
    for name in ("web", "database", "proxy"):
        words = ("inspect", "--format", "{{.State.ExitCode}}", f"hello-flask_{name}_1")
        assert together.podman(*words).stdout == "0\n", name


@pytest.mark.needs("caddy")
@pytest.mark.slow
def test_caddy_serves_https_and_passes_on_no_made_up_prefix(
    built: Built, tmp_path: Path, defaults: Baked
) -> None:
    project = built(quicker())
    port = free_port()
    url = f"https://localhost:{port}"
    with running(project, env={"TRUSTED_PROXIES": "127.0.0.1"}) as direct:
        address = direct.url.removeprefix("http://")
        text = defaults.read("deploy/Caddyfile").replace("web:8000", address)
        (tmp_path / "Caddyfile").write_text(OWN.format(folder=tmp_path / "caddy") + text)
        command = [
            "caddy",
            "run",
            "--config",
            str(tmp_path / "Caddyfile"),
            "--adapter",
            "caddyfile",
        ]
        with (tmp_path / "log").open("wb") as log:
            caddy = subprocess.Popen(
                command,
                env=os.environ | {"SITE": url, "HOME": str(tmp_path)},
                stdout=log,
                stderr=log,
            )
        try:
            anybody = ssl._create_unverified_context()

            def page() -> str:
                try:
                    return ask(f"{url}/", anybody, **{"X-Forwarded-Prefix": "/evil"}).text
                except OSError:
                    return ""

            text = wait_for(page, 20, "Caddy")
            assert 'href="/static/style.css' in text
            forged = ask(f"{direct.url}/", **{"X-Forwarded-Prefix": "/evil"}).text
            assert 'href="/evil/static/style.css' in forged  # so the proxy has to remove it
        finally:
            caddy.terminate()
            caddy.wait(20)
