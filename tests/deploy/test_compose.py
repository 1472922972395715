"""`deploy/compose.yaml` as podman-compose reads it, and its `Caddyfile` served by Caddy."""

import os
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Baked, Built, quicker
from serving import ask, free_port, running, wait_for

from . import tools

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


@pytest.mark.needs("podman")
def test_without_a_password_it_says_what_to_do(project: Path) -> None:
    done = read(project)
    assert done.returncode != 0
    assert "write one into .env" in done.stdout + done.stderr


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
