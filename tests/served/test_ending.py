"""stop, status and logs work while a server runs, whatever happened to its project."""

import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest
from conftest import Built, quicker
from serving import Project, ask, generate, path_with_uv, patience, survivors, wait_for
from test_background import Service

from flask_modwsgi.machine import capacity

pytestmark = pytest.mark.slow

FORK = """

@bp.get("/fork")
def fork() -> str:
    child = os.fork()
    if child == 0:
        if "own" in request.args:
            os.setsid()
        time.sleep(300)
        os._exit(0)
    return str(child)
"""


@pytest.fixture(scope="module")
def own(built: Built, workplace: Path) -> Project:
    """A project that these tests may damage."""
    built(quicker())
    project = generate(workplace / "ending", f"apache={quicker()}")
    project.add_views()
    views = project.package / "views.py"
    views.write_text(views.read_text() + FORK)
    return project


@pytest.fixture
def service(own: Project) -> Iterator[Service]:
    """Started; whatever is left of it is killed afterwards."""
    service = Service(own)
    (own.path / "var" / "log" / "error.log").unlink(missing_ok=True)
    started = service.run("start")
    assert started.returncode == 0, started.stderr
    everything = family(service)
    yield service
    service.run("stop")
    for process in survivors(everything, 0):
        process.kill()


def family(service: Service) -> list[psutil.Process]:
    parent = psutil.Process(service.status()["pid"])
    return [parent, *parent.children(recursive=True)]


Damage = Callable[[Path], AbstractContextManager[Path]]


def without(name: str) -> Damage:
    """Something of the project is gone."""

    @contextmanager
    def damage(project: Path) -> Iterator[Path]:
        aside = project.parent / "aside"
        (project / name).rename(aside)
        try:
            yield project
        finally:
            if (project / name).is_dir():  # a verb has made it again
                shutil.rmtree(project / name)
            (project / name).unlink(missing_ok=True)
            aside.rename(project / name)

    return damage


def with_content(name: str, content: bytes) -> Damage:
    """A file has become another one."""

    @contextmanager
    def damage(project: Path) -> Iterator[Path]:
        file = project / name
        before = file.read_bytes() if file.exists() else None
        file.write_bytes(content)
        try:
            yield project
        finally:
            file.unlink()
            if before is not None:
                file.write_bytes(before)
                file.chmod(0o600 if name == ".env" else 0o644)

    return damage


def half_built(name: str, left: float = -1) -> Damage:
    """A part of this package is missing, but for the fraction `left` of a file from 0 on."""

    @contextmanager
    def damage(project: Path) -> Iterator[Path]:
        (place,) = (project / ".venv").glob(f"lib/python*/site-packages/{name}")
        whole = place.read_bytes() if place.is_file() else b""
        with without(str(place.relative_to(project)))(project) as found:
            if left >= 0:
                place.write_bytes(whole[: int(len(whole) * left)])
            yield found

    return damage


@contextmanager
def renamed(project: Path) -> Iterator[Path]:
    new = project.with_name("renamed")
    project.rename(new)
    try:
        yield new
    finally:
        new.rename(project)


@contextmanager
def another_release_in_its_place(project: Path) -> Iterator[Path]:
    with renamed(project) as found:
        project.mkdir()
        try:
            yield found
        finally:
            project.rmdir()


@contextmanager
def lock_unusable(project: Path) -> Iterator[Path]:
    lock = project / "var" / "server.lock"
    lock.unlink()
    lock.mkdir()
    try:
        yield project
    finally:
        lock.rmdir()


@contextmanager
def link_to_itself(project: Path) -> Iterator[Path]:
    with without(".venv")(project):
        (project / ".venv").symlink_to(".venv")
        yield project


DAMAGES: dict[str, Damage] = {
    "no .venv": without(".venv"),
    ".venv leads to itself": link_to_itself,
    "no environments": without("var/env"),
    "a half-built environment": half_built("flask_modwsgi"),
    "a half-built package": half_built("flask_modwsgi/machine"),
    "half of what a verb imports": half_built("flask_modwsgi/server/ending.py"),
    "an empty __main__.py": half_built("flask_modwsgi/__main__.py", left=0),
    "half of __main__.py": half_built("flask_modwsgi/__main__.py", left=0.5),
    "no __main__.py": half_built("flask_modwsgi/__main__.py"),
    "no pyproject.toml": without("pyproject.toml"),
    "a broken pyproject.toml": with_content("pyproject.toml", b"[[[\n"),
    "pyproject.toml as UTF-16": with_content("pyproject.toml", "[tool]".encode("utf-16")),
    "no .env": without(".env"),
    "a broken .env": with_content(".env", b"\xff\xfe=\x00 'never closed\nPORT\n"),
    "token.py": with_content("token.py", b"raise SystemExit('the project was imported')\n"),
    "types.py": with_content("types.py", b"raise SystemExit('the project was imported')\n"),
    "no .wsgi file": without("hello_flask.wsgi"),
    "no application": without("hello_flask"),
    "no requirements": without("requirements.txt"),
    "a record that is nonsense": with_content("var/apache/state.json", b'{"pid": "me"'),
    "no record": without("var/apache/state.json"),
    "renamed": renamed,
    "renamed, and another one in its place": another_release_in_its_place,
    "a lock that cannot be used": lock_unusable,
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_running_server_can_be_looked_at_and_stopped(service: Service, name: str) -> None:
    everything = family(service)
    ask(f"{service.url}/boom")
    log = service.project.path / "var" / "log" / "error.log"
    wait_for(lambda: "a detail" in log.read_text(), 5, "the error")
    with DAMAGES[name](service.project.path) as path:

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            done = subprocess.run([path / "run", *words], capture_output=True, text=True, cwd="/")
            assert "Traceback" not in done.stderr
            return done

        looked = run("status")
        assert looked.returncode in (0, 1), looked.stderr
        assert looked.stdout.startswith(("State     running", "State     not answering"))
        logs = run("logs")
        assert (logs.returncode, "a detail" in logs.stdout) == (0, True), logs.stderr
        stopped = run("stop")
        assert (stopped.returncode, stopped.stderr) == (0, "* stopped\n")
        assert survivors(everything, 2) == []
        again = run("stop")
        assert (again.returncode, again.stderr) == (0, "* not running\n")
        looked = run("status")
        assert looked.returncode == 3
        assert looked.stdout.startswith("State     stopped")


def test_status_says_that_there_is_no_environment(service: Service) -> None:
    with without(".venv")(service.project.path):
        looked = service.run("status")
        assert looked.returncode == 0
        assert "Note      The environment is not ready" in looked.stdout
        refused = service.run("reload")
    assert refused.returncode == 1
    assert "not-set-up" in refused.stderr


@pytest.mark.parametrize(
    ("lost", "mended_by"),
    [
        ("var/apache", "./run restart"),
        ("var/env", "./run setup && ./run restart"),
        ("var/log", "./run reload"),
        ("hello_flask/static", "./run restart"),
    ],
)
def test_status_says_what_was_lost_and_a_command_that_mends_it(
    service: Service, lost: str, mended_by: str
) -> None:
    folder = service.project.path / lost
    aside = folder.rename(folder.with_name("aside"))
    try:
        looked = service.status()
        is_served = ask(f"{service.url}/").status == 200
        assert looked["state"] == ("running" if is_served else "not answering")
        (note,) = looked["notes"]
        assert str(folder) in note
        assert note.endswith(f"ype {mended_by}")
        mended = service.project.call("bash", "-c", mended_by, PORT=service.port)
        assert mended.returncode == 0, mended.stderr
        assert ask(f"{service.url}/").status == 200
        assert (service.status()["state"], service.status()["notes"]) == ("running", [])
    finally:
        if folder.exists():  # it was made again
            shutil.rmtree(aside)
        else:
            aside.rename(folder)


def test_status_says_that_apache_may_not_read_its_files(service: Service) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root serves as another user")
    service.project.path.chmod(0o700)
    try:
        assert ask(f"{service.url}/").status == 403
        looked = service.status()
        assert looked["state"] == "not answering"
        assert f"cannot list {service.project.path} (drwx------)" in looked["notes"][0]
    finally:
        service.project.path.chmod(0o755)
    assert service.status()["state"] == "running"


def test_status_says_that_the_wsgi_file_is_gone(service: Service) -> None:
    with without("hello_flask.wsgi")(service.project.path):
        assert "hello_flask.wsgi does not exist. Type git checkout" in service.status()["notes"][0]


def test_the_wheel_will_do_with_any_python(service: Service, tmp_path: Path) -> None:
    """Nothing of the environment is used, nor packages that the other Python happens to have."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nexec python3 -S "$@"\n')
    python.chmod(0o755)
    with without("var/env")(service.project.path):
        # Without its environment the server does not answer.
        for words, status in ((["status"], 1), (["logs"], 0), (["dump"], 0), (["stop"], 0)):
            done = service.run(*words, PYTHON=str(python))
            assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr


def test_after_a_move_setup_and_restart_serve_the_new_place(service: Service) -> None:
    everything = family(service)
    try:
        with renamed(service.project.path) as path:

            def run(*words: str) -> subprocess.CompletedProcess[str]:
                env = os.environ | {"PORT": service.port, "PATH": path_with_uv()}
                return subprocess.run(
                    [path / "run", *words], capture_output=True, text=True, env=env
                )

            looked = run("status")
            assert looked.stdout.startswith("State     not answering\n")
            told = " ".join(looked.stdout.split())
            assert "The project was moved while its server was running" in told
            assert "Type ./run setup && ./run restart" in told
            assert "moved-while-running" in run("dump").stderr
            assert "project-moved" in run("reload").stderr
            made = run("setup")
            assert made.returncode == 0, made.stdout + made.stderr
            for verb in ("start", "reload"):
                refused = run(verb)
                assert refused.returncode == 1
                assert "moved-while-running" in refused.stderr
            restarted = run("restart")
            assert restarted.returncode == 0, restarted.stderr
            assert survivors(everything, 2) == []
            assert ask(f"{service.url}/").status == 200
            assert run("reload").returncode == 0
            assert run("stop").stderr == "* stopped\n"
    finally:
        mended = service.run("setup", PATH=path_with_uv())  # for the tests that follow
    assert mended.returncode == 0, mended.stderr


def test_a_copy_stops_nothing(service: Service, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (copy / "var" / "apache").mkdir(parents=True)
    for name in ("run", "pyproject.toml", "var/apache/state.json", "var/apache/httpd.pid"):
        shutil.copy2(service.project.path / name, copy / name)
    shutil.copytree(service.project.path / "wheels", copy / "wheels")
    assert subprocess.run([copy / "run", "status"], capture_output=True).returncode == 3
    stopped = subprocess.run([copy / "run", "stop"], capture_output=True, text=True)
    assert (stopped.returncode, stopped.stderr) == (0, "* not running\n")
    assert ask(f"{service.url}/").status == 200


def test_a_stop_needs_no_room(service: Service) -> None:
    """As on a full disk: not a byte can be written to any file."""
    everything = family(service)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    for words, status in ((["status"], 0), (["logs"], 0), (["stop"], 0), (["status"], 3)):
        done = subprocess.run(
            ["./run", *words],
            cwd=service.project.path,
            capture_output=True,
            text=True,
            preexec_fn=limit,
        )
        assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
        assert "was killed" not in done.stdout
    assert survivors(everything, 2) == []


def test_a_stop_is_done_although_nobody_can_be_told(service: Service) -> None:
    everything = family(service)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(["./run", "stop"], cwd=service.project.path, stdout=full, stderr=full)
    assert done.returncode == 0
    assert survivors(everything, 2) == []


def test_a_stop_waits_for_another_verb_but_not_for_setup(service: Service) -> None:
    var = service.project.path / "var"
    with (var / "setup.lock").open("w") as setup, (var / "server.lock").open("w") as server:
        fcntl.flock(setup, fcntl.LOCK_EX)
        fcntl.flock(server, fcntl.LOCK_EX)
        server.write(str(os.getpid()))
        server.flush()
        stop = subprocess.Popen(
            ["./run", "stop"], cwd=service.project.path, stderr=subprocess.PIPE, text=True
        )
        assert stop.stderr
        line = stop.stderr.readline()
        assert line == f"* waiting for another ./run (process {os.getpid()}), for 120 s at most\n"
        assert ask(f"{service.url}/").status == 200
        fcntl.flock(server, fcntl.LOCK_UN)
        assert stop.communicate(timeout=30 * patience())[1] == "* stopped\n"
        assert stop.returncode == 0


def test_a_record_of_a_process_id_that_is_used_again_harms_nobody(service: Service) -> None:
    file = service.project.path / "var" / "apache" / "state.json"
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as other:
        try:
            service.run("stop")
            recorded = json.loads(file.read_text())
            file.write_text(json.dumps(recorded | {"pid": other.pid, "stopped": 0}))
            assert service.run("status").returncode == 3
            stopped = service.run("stop")
            assert (stopped.returncode, stopped.stderr) == (0, "* not running\n")
            assert other.poll() is None
            assert service.run("start").returncode == 0
            assert other.poll() is None
        finally:
            other.kill()


def test_another_user_keeps_no_server_from_starting(service: Service) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user's process needs root")
    words = ["-f", f"{service.project.path}/var/apache/httpd.conf", "-k", "start"]
    pretender = subprocess.Popen(
        ["/usr/bin/python3", "-c", "import time; time.sleep(300)", *words],
        start_new_session=True,
        user=65534,
        cwd="/",
    )
    try:
        assert service.run("stop").stderr == "* stopped\n"
        assert service.run("stop").stderr == "* not running\n"
        assert service.run("start").returncode == 0
        assert pretender.poll() is None
    finally:
        pretender.kill()
        pretender.wait()


def test_what_the_application_forks_is_no_process_of_apache(service: Service) -> None:
    child = psutil.Process(int(ask(f"{service.url}/fork").text))
    assert child.pid not in service.workers()
    assert len(service.workers()) == 2
    replaced = service.run("reload")
    assert replaced.stderr == "* 2 processes were replaced\n"
    started = time.monotonic()
    assert service.run("stop").returncode == 0
    assert survivors([child], 1) == []
    assert time.monotonic() - started < 20 * patience()


def test_a_stop_leaves_what_the_application_gave_a_session_of_its_own(service: Service) -> None:
    child = psutil.Process(int(ask(f"{service.url}/fork?own").text))
    wait_for(lambda: os.getsid(child.pid) == child.pid, 10, "its session")
    try:
        assert service.run("stop").returncode == 0
        assert survivors([child], 0) == [child]
    finally:
        child.kill()


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="only Linux tells limits")
def test_a_start_raises_the_limit_of_open_files(service: Service) -> None:
    """A shell has 1,024 as a rule, and Apache two for each connection."""
    service.run("stop")
    words = ("sh", "-c", "ulimit -Sn 256; exec ./run start")
    started = service.project.call(*words, PORT=service.port)
    assert started.returncode == 0, started.stderr
    soft, _ = psutil.Process(service.status()["pid"]).rlimit(psutil.RLIMIT_NOFILE)
    assert soft >= capacity.OPEN_FILES


def test_reports_that_are_no_files_are_left_alone(service: Service, tmp_path: Path) -> None:
    """The application's user owns that folder, and root reads there."""
    workers = service.workers()
    folder = service.project.path / "var" / "apache" / "workers"
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        (folder / f"{workers[0]}.report").unlink()
        os.mkfifo(folder / f"{workers[0]}.report")
        (folder / f"{workers[1]}.report").unlink()
        (folder / f"{workers[1]}.report").symlink_to("/dev/zero")
        looked = service.run("status")
        assert looked.stdout.count("does not respond") == 2
        assert "Traceback" not in looked.stderr
        dumped = service.run("dump")
        assert dumped.returncode == 0, dumped.stderr
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def test_a_reload_that_finds_no_process_is_no_success(service: Service) -> None:
    parent = psutil.Process(service.status()["pid"])
    parent.suspend()  # so that it starts no others
    try:
        for pid in service.workers():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: service.workers() == [], 5, "their end")
        refused = service.run("reload")
        assert refused.returncode == 1
        assert "nothing-replaced" in refused.stderr
    finally:
        parent.resume()


def remove(root: Path, pattern: str) -> None:
    """What has this name in the server root; all of it if there is none."""
    for path in list(root.glob(pattern)) if pattern else [root]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.daemon_mode
@pytest.mark.parametrize("lost", ["*.sock", "", "workers", "state.json", "environment.json"])
def test_files_that_were_removed_while_it_runs(service: Service, lost: str) -> None:
    """Nothing claims to have worked, and what is named helps."""
    remove(service.project.path / "var" / "apache", lost)
    looked = service.run("status")
    # Those that have begun do not need the last three any more.
    assert looked.returncode == (1 if lost in ("*.sock", "") else 0)
    assert "files that it needs are gone" in looked.stdout
    for verb in ("start", "reload"):
        refused = service.run(verb)
        assert refused.returncode == 1
        assert "server-root-incomplete" in refused.stderr
    assert service.run("restart").returncode == 0
    assert ask(f"{service.url}/").status == 200
