"""`deploy/Containerfile`, built and run."""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import serving
import yaml
from conftest import ROOT as REPOSITORY
from conftest import Baked
from load import load
from serving import ask, free_port, patience, wait_for

from . import held, images, tools
from .images import Images

pytestmark = [pytest.mark.slow, pytest.mark.needs(*images.PROGRAMS)]

IMAGE = "localhost/hello-flask"
ROOT = "/var/www/hello-flask"
SECRET = "FLASK_SECRET_KEY=0123456789abcdef0123456789abcdef"
# Read-only, without any right, as a user that the image does not know.
STRICT = (
    *("--read-only", "--tmpfs", "/tmp:mode=1777", "--tmpfs", f"{ROOT}/var:mode=1777"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "12345:23456"),
    *("--env", SECRET, "--env", "HOST=127.0.0.1"),
)
VIEWS = """

@bp.get("/orphan")
def orphan() -> str:
    subprocess.run(["sh", "-c", "sleep 0.2 &"], start_new_session=True)
    return "left"
"""
# A command with the name of Flask-Migrate's.
MIGRATION = """

@bp.record_once
def has_migrations(state: Any) -> None:
    from flask.cli import AppGroup

    db = AppGroup("db")
    state.app.cli.add_command(db)

    @db.command()
    def upgrade() -> None:
        with open(f"{current_app.instance_path}/migrated", "w") as file:
            file.write(os.environ["FLASK_SECRET_KEY"])
"""


@pytest.fixture(scope="module")
def project(workplace: Path, defaults: Baked) -> serving.Project:
    """A project that was never set up, with more views."""
    path = workplace / "container" / "hello-flask"
    shutil.copytree(defaults.path, path)
    project = serving.Project(path, "", 0)
    project.add_views()
    with (project.package / "views.py").open("a", encoding="utf-8") as file:
        file.write(VIEWS.replace("\n\n@", "\n\nimport subprocess\n\n\n@", 1) + held.VIEW)
        file.write(MIGRATION)
    for secret in (".env", "var/data/file", "instance/file"):
        (path / secret).parent.mkdir(parents=True, exist_ok=True)
        (path / secret).write_text("secret")
    subprocess.run(["chmod", "-R", "go=", path], check=True)  # as with a umask of 077
    return project


@pytest.fixture(scope="module")
def image(store: Images, project: serving.Project) -> str:
    build(store, project, "--build-arg", "REVISION=abc123")
    return IMAGE


def build(store: Images, project: serving.Project, *options: str, tag: str = IMAGE) -> str:
    base = ("--build-arg", f"BASE={images.BASE}")
    return store.build(project.path, "deploy/Containerfile", tag, *base, *options)


def serves(url: str) -> bool:
    try:
        return ask(f"{url}/").status == 200
    except OSError:
        return False


def shell(store: Images, command: str) -> str:
    done = store.podman("run", "--rm", "--network", "none", IMAGE, "sh", "-c", command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_hadolint_has_nothing_to_say(defaults: Baked) -> None:
    command: list[str | Path] = [tools.program("hadolint"), "deploy/Containerfile"]
    done = subprocess.run(command, cwd=defaults.path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_guide_and_the_project_name_the_command_of_these_tests(defaults: Baked) -> None:
    guide = (REPOSITORY / "docs/containers.md").read_text("utf-8")
    for text in (guide, defaults.read("README.md")):
        assert "\n    podman build -f deploy/Containerfile -t hello-flask .\n" in text


def test_the_image_is_small_and_says_what_it_is(store: Images, image: str) -> None:
    facts = store.facts(image)
    (told,) = re.findall(
        r"less than 200 MB: (\d+) MB", (REPOSITORY / "docs/containers.md").read_text("utf-8")
    )
    assert facts["Size"] < 200e6
    assert abs(facts["Size"] / 1e6 - int(told)) < 15
    assert facts["Config"]["User"] == "10001:10001"
    assert facts["Config"]["Labels"].items() >= {
        ("org.opencontainers.image.title", "hello-flask"),
        ("org.opencontainers.image.revision", "abc123"),
    }


def test_it_has_no_tools_and_no_secrets(store: Images, image: str) -> None:
    tools = "gcc cc c++ ld make apxs pip pip3 pytest ruff"
    assert shell(store, f"PATH=.venv/bin:$PATH; for t in {tools}; do command -v $t; done; :") == ""
    files = shell(store, "ls -A . var; ls -d /usr/include/*/ .venv/lib/*/site-packages/pip* || :")
    assert "hello_flask.wsgi" in files and ".env.example" in files
    assert not re.search(r"^(\.env|tests|deploy|data|/usr/include.*|.*pip.*)$", files, re.M)
    assert shell(store, "readlink instance .venv/var") == "var/data\n../var/data\n"
    assert int(shell(store, "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt")) > 50


def test_it_serves_with_nothing_but_two_folders_to_write_to(store: Images, image: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with store.running(image, *STRICT, "--env", f"PORT={port}") as name:
        wait_for(lambda: serves(url), 30, "the container to answer")
        assert '"user":12345' in ask(f"{url}/whoami").text
        assert store.podman("healthcheck", "run", name).returncode == 0
        doctor = store.podman("exec", name, "./run", "doctor")
        assert doctor.returncode == 0, doctor.stdout

        assert ask(f"{url}/orphan").text == "left"
        zombies = "cat /proc/[0-9]*/stat | grep -c ' Z ' || :"
        wait_for(
            lambda: store.podman("exec", name, "sh", "-c", zombies).stdout == "0\n",
            10,
            "the orphan to be reaped",
        )

        tini = psutil.Process(
            int(store.podman("inspect", "--format", "{{.State.Pid}}", name).stdout)
        )
        titled = [one for one in tini.children(recursive=True) if one.cmdline()]
        application = [one for one in titled if one.cmdline()[0].startswith("(wsgi:")]
        assert application
        for one in application:
            one.suspend()
        assert store.podman("healthcheck", "run", name).returncode == 1
        for one in application:
            one.resume()

        seen = Path(f"/proc/{tini.pid}/root/tmp")
        with held.requests("127.0.0.1", port, "/tmp", seen) as sent:
            tini.send_signal(signal.SIGTERM)
            wait_for(lambda: held.refused("127.0.0.1", port), 20, "the stop")
            assert held.finished(sent, seen)
        store.podman("wait", name)
        assert ended_with(store, name) == 0


def test_a_reload_in_a_container_loses_nothing(store: Images, image: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with store.running(image, *STRICT, "--env", f"PORT={port}") as name:
        wait_for(lambda: serves(url), 30, "the container to answer")
        with load(url) as record:
            wait_for(lambda: record.answered > 50, 30, "answers before")
            reload = store.podman("exec", name, "./run", "reload")
            before = record.answered
            wait_for(lambda: record.answered > before + 50, 30, "answers after it")
    assert reload.returncode == 0, reload.stderr
    assert record.failures == []


def test_the_job_of_the_manifests_changes_the_database(
    store: Images, image: str, defaults: Baked
) -> None:
    """As far as it can without a cluster: its command, in the image, with the same restrictions."""
    job = yaml.safe_load(defaults.read("deploy/kubernetes/migrate/job.yaml"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    data = store.folder / "data"
    data.mkdir()
    data.chmod(0o777)
    options = ("--network", "none", *STRICT, "--volume", f"{data}:{ROOT}/var/data:Z")
    done = store.podman("run", "--rm", *options, image, *container["args"])
    assert done.returncode == 0, done.stderr
    assert f"FLASK_SECRET_KEY={(data / 'migrated').read_text()}" == SECRET


def ended_with(store: Images, name: str) -> int:
    return int(store.podman("inspect", "--format", "{{.State.ExitCode}}", name).stdout)


def test_it_serves_with_the_defaults_of_the_image(store: Images, image: str) -> None:
    """Writable, as its own user, with `.env` as a file that its group may read."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    file = store.folder / ".env"
    file.write_text(f'{SECRET}\nHOST=127.0.0.2\nCONTENT_SECURITY_POLICY="default-src *"\n')
    file.chmod(0o440)
    shutil.chown(file, 0, 10001)
    options = ("--volume", f"{file}:{ROOT}/.env:ro,Z", "--env", f"PORT={port}")
    cluster = (
        "--env",
        "KUBERNETES_SERVICE_HOST=10.0.0.1",
        "--env",
        "KUBERNETES_PORT=tcp://10.0.0.1",
    )
    with store.running(image, *options, *cluster) as name:
        wait_for(lambda: serves(url), 30, "the container to answer")
        assert ask(f"{url}/").headers["Content-Security-Policy"] == "default-src *"
        assert '"user":10001' in ask(f"{url}/whoami").text
        assert store.podman("stop", "--time", "25", name).returncode == 0
        assert ended_with(store, name) == 0


def test_a_signal_during_the_start_ends_it(store: Images, image: str) -> None:
    with store.running(image, *STRICT, "--env", f"PORT={free_port()}") as name:

        def has_begun() -> bool:
            """Whether tini has started something; before there is a tini, a signal is lost."""
            pid = store.podman("inspect", "--format", "{{.State.Pid}}", name).stdout
            return bool(psutil.Process(int(pid)).children())

        wait_for(has_begun, 20, "the start")
        store.podman("kill", "--signal", "TERM", name)
        store.podman("wait", name)
        assert ended_with(store, name) in (0, 128 + signal.SIGTERM)


def test_without_a_secret_it_says_so_and_ends(store: Images, image: str) -> None:
    done = store.podman("run", "--rm", "--network", "none", image)
    assert done.returncode == 1
    assert "FLASK_SECRET_KEY is empty" in done.stderr


def test_new_code_builds_no_environment(
    store: Images, image: str, project: serving.Project
) -> None:
    views = project.package / "views.py"
    text = views.read_text("utf-8")
    try:
        views.write_text(
            f'{text}\n\n@bp.get("/new")\ndef new() -> str:\n    return "new"\n', "utf-8"
        )
        began = time.monotonic()
        said = build(store, project, tag=f"{IMAGE}:new")
        seconds = time.monotonic() - began
        for kept in (r"\./run setup", "apt-get install .* tini"):
            assert re.search(rf"{kept}.*\n--> Using cache", said), said
        assert seconds < 30 * patience()
    finally:
        views.write_text(text, "utf-8")
    port = free_port()
    with store.running(f"{IMAGE}:new", *STRICT, "--env", f"PORT={port}"):
        wait_for(lambda: serves(f"http://127.0.0.1:{port}"), 30, "the container to answer")
        assert ask(f"http://127.0.0.1:{port}/new").text == "new"
