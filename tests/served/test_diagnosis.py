"""Failures that are really produced under the real Apache, and the causes that are named."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from conftest import Built
from serving import Project, ask, free_port, patience, running, survivors, wait_for
from test_background import Service

from flask_modwsgi.doctor import explain
from flask_modwsgi.logs.writer import LOOP_DEATHS
from flask_modwsgi.machine import accounts

pytestmark = pytest.mark.slow

# What happens only under Apache is not seen when the application is tried before.
UNDER_APACHE = 'import os\nif "MOD_WSGI_SERVER_ROOT" in os.environ:\n    '


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def healthy(built: Built, kind: str) -> Project:
    return built(kind)


@pytest.fixture
def service(healthy: Project) -> Iterator[Service]:
    """Not started; its sources are as they were afterwards."""
    files = [healthy.package / "__init__.py", healthy.package / "views.py"]
    before = {file: file.read_text("utf-8") for file in files}
    service = Service(healthy)
    yield service
    for file, text in before.items():
        file.write_text(text, "utf-8")
    service.run("stop", STOP_LIMIT="0")


def add(service: Service, code: str, file: str = "__init__.py") -> None:
    with (service.project.package / file).open("a", encoding="utf-8") as stream:
        stream.write(f"\n\n{code}\n")
    # Python would take the bytecode of a file of the same length, written in the same second.
    shutil.rmtree(service.project.package / "__pycache__", ignore_errors=True)


def refused(service: Service, slug: str, *told: str, **env: str) -> str:
    """`./run start` fails with that problem, and tells these things."""
    done = service.run("start", **env)
    text = one_line(done.stderr)
    assert done.returncode == 1, done.stderr
    assert f"Problem {slug} " in text, done.stderr
    for words in told:
        assert words in text, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(("Type ", "or ")), last
    return done.stderr


# --- Seen when the application is tried before

SEEN_BEFORE = {
    "exits": ("import sys; sys.exit(3)", "app-exits", "exits with status 3"),
    "exits at once": ("import os; os._exit(0)", "app-exits", "exits with status 0"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "app-crashes", "signal SIGSEGV"),
    "kills itself": ("import os; os.kill(os.getpid(), 9)", "app-exits", "signal SIGKILL"),
    "blocks": (
        "import threading; threading.Event().wait()",
        "app-blocks",
        "not loaded within {limit} seconds. This is where it waits: | Timeout (0:00:{limit:02})!"
        " | Thread",
    ),
    "runs a server": ("create_app().run(port=5999)", "app-serves", "/hello_flask/__init__.py"),
    "runs another server": (
        "from wsgiref.simple_server import make_server\n"
        "make_server('127.0.0.1', 0, None).serve_forever()",
        "app-serves",
        "on 127.0.0.1:0 when it is loaded",
    ),
    "raises": ("raise RuntimeError('a detail')", "app-broken", "RuntimeError: a detail"),
    "has a syntax error": ("def broken(:", "app-broken", "SyntaxError: invalid syntax"),
    "lacks a package": ("import nowhere.to_be", "package-missing", "imports nowhere, which"),
    "lacks a module of its own": (
        "from . import nowhere",
        "app-broken",
        "cannot import name 'nowhere'",
    ),
    "finds the disk full": ("open('/dev/full', 'w').write('x' * 9000)", "disk-full", "No space"),
}


def short_limit() -> int:
    """Of START_LIMIT: the application can be tried within it, also on a busy machine."""
    return round(4 * patience())


@pytest.mark.parametrize("name", SEEN_BEFORE)
def test_an_application_that(service: Service, name: str) -> None:
    code, slug, told = SEEN_BEFORE[name]
    add(service, code)
    limit = short_limit() if name == "blocks" else 60
    text = refused(service, slug, told.format(limit=limit), START_LIMIT=str(limit))
    assert "flask_modwsgi/worker/" not in text  # the application's own traceback


def test_an_application_that_may_not_read_a_file(service: Service, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, which serves as another user")
    secret = tmp_path / "secret.txt"
    secret.touch(0o600)
    add(service, f"open({str(secret)!r})")
    user = accounts.choose("").user
    refused(service, "permission-denied", f"User {user} has no permission to use {secret}")


def test_the_working_application_is_not_refused(service: Service) -> None:
    """Threads, a port of its own choice and output at import are no reason."""
    add(
        service,
        "import socket, threading\nport = socket.create_server(('127.0.0.1', 0))\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\nprint('hello')",
    )
    done = service.run("start")
    assert done.returncode == 0, done.stderr
    assert ask(f"{service.url}/").status == 200


# --- Seen when it runs under Apache

LONG = {"START_LIMIT": "300"}  # how long a slow import may take; what dies is seen before
MANY = {"PROCESSES": "6", "THREADS": "1"}  # so that five have died after a second
UNDER = {
    "exits": ("os._exit(3)", "app-exits", "exits with status 3."),
    "is killed": ("os.kill(os.getpid(), 9)", "killed", "was ended by signal SIGKILL"),
    "crashes": (
        "import ctypes; ctypes.string_at(0)",
        "app-crashes",
        "processes were ended by signal SIGSEGV",
    ),
    "calls sys.exit": ("raise SystemExit(4)", "app-exits", "SystemExit: 4"),
    "raises": ("raise RuntimeError('a detail')", "app-broken", "RuntimeError: a detail"),
}


@pytest.mark.parametrize("name", UNDER)
def test_a_process_that(service: Service, name: str) -> None:
    """The loop is stopped long before START_LIMIT, and its cause is named."""
    code, slug, told = UNDER[name]
    add(service, f"{UNDER_APACHE}{code}  # {list(UNDER).index(name) * '.'}")
    started = time.monotonic()
    text = refused(service, slug, told, **MANY, **LONG)
    assert time.monotonic() - started < 300
    assert service.run("status").returncode == 3  # nothing is left
    assert "flask_modwsgi/worker/" not in text
    if slug == "app-crashes":
        assert "hello_flask/__init__.py" in text  # where in the application it was


def test_only_one_process_can_have_a_port(service: Service) -> None:
    port = free_port()
    add(service, f"import socket\nkept = socket.create_server(('127.0.0.1', {port}))")
    refused(service, "app-listens", "Address already in use", f"('127.0.0.1', {port})")


def test_a_slow_import_that_is_not_waited_for(service: Service) -> None:
    add(service, UNDER_APACHE + "import time; time.sleep(60)")
    limit = short_limit()
    told = f"No answer within {limit} seconds"
    refused(service, "start-too-slow", told, START_LIMIT=str(limit))


@contextmanager
def small_memory(megabytes: int) -> Iterator[Path]:
    """A control group with so much memory; the file that takes processes into it."""
    group = Path("/sys/fs/cgroup/memory")
    if not group.is_dir():
        group = Path("/sys/fs/cgroup")
        controllers = group / "cgroup.subtree_control"
        if not controllers.exists() or "memory" not in controllers.read_text().split():
            pytest.skip("no control group for memory here")
    folder = group / f"flask-modwsgi-{os.getpid()}"
    try:
        folder.mkdir()
        limits = {"memory.limit_in_bytes", "memory.max"}
        (limit,) = (folder / name for name in limits if (folder / name).exists())
        limit.write_text(f"{megabytes}M")
        for name, swapped in {
            "memory.swap.max": 0,
            "memory.memsw.limit_in_bytes": megabytes,
        }.items():
            if (folder / name).exists():
                (folder / name).write_text(f"{swapped}M")
    except OSError as error:
        pytest.skip(f"a control group needs root on a machine of one's own: {error}")
    try:
        yield folder / "cgroup.procs"
    finally:
        wait_for(lambda: not (folder / "cgroup.procs").read_text(), 10, "the group to be empty")
        folder.rmdir()


def test_memory_that_runs_out(service: Service) -> None:
    add(service, UNDER_APACHE + "taken = bytearray(400 * 2**20)")
    with small_memory(150) as procs:
        for _ in range(3):
            done = subprocess.run(
                ["sh", "-c", f"echo $$ > {procs}; exec ./run start"],
                cwd=service.project.path,
                env=os.environ | {"PORT": service.port},
                capture_output=True,
                text=True,
            )
            if done.returncode != -signal.SIGKILL:  # the kernel may choose the command itself
                break
            service.run("stop", STOP_LIMIT="0")
        assert done.returncode == 1, done.stderr
        assert "memory-exhausted" in done.stderr
        assert re.search(r"The kernel killed (process \d+|\d+ processes)", one_line(done.stderr))


# --- Apache itself


@contextmanager
def somebody_on_a_port() -> Iterator[int]:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        yield int(other.getsockname()[1])


def serve(service: Service, *options: str | Path) -> str:
    """What `./run serve OPTIONS` says when it fails."""
    done = subprocess.run(
        ["./run", "serve", *options],
        cwd=service.project.path,
        env=os.environ | {"PORT": service.port},
        capture_output=True,
        text=True,
        timeout=60 * patience(),
        start_new_session=True,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith(("Type ", "or ")), done.stderr
    return one_line(done.stderr)


def test_a_port_that_is_taken_when_apache_wants_it(service: Service, tmp_path: Path) -> None:
    """Later than the check: here it is a second one, which the check does not know."""
    with somebody_on_a_port() as port:
        more = tmp_path / "more.conf"
        more.write_text(f"Listen 127.0.0.1:{port}\n")
        text = serve(service, "--apache-include", more)
    assert f"Problem port-in-use What Port {port} on 127.0.0.1 is taken" in text


def test_content_types_that_are_gone(service: Service, tmp_path: Path) -> None:
    more = tmp_path / "more.conf"
    more.write_text("TypesConfig /nonexistent/mime.types\n")
    text = serve(service, "--apache-include", more)
    assert "Problem file-missing What Apache needs /nonexistent/mime.types, which is gone" in text


def test_an_apache_without_a_module(service: Service, tmp_path: Path) -> None:
    more = tmp_path / "more.conf"
    more.write_text("LoadModule dav_module /nonexistent/mod_dav.so\n")
    text = serve(service, "--apache-include", more)
    assert "Problem apache-incomplete What Apache's module /nonexistent/mod_dav.so" in text


def test_a_user_that_does_not_exist(service: Service, tmp_path: Path) -> None:
    more = tmp_path / "more.conf"
    more.write_text("User nobody-at-all\n")
    text = serve(service, "--apache-include", more)
    assert "Problem run-user-invalid" in text
    assert "RUN_USER=nobody-at-all" in text


def test_a_configuration_that_is_wrong(service: Service, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.conf"
    wrong.write_text("Nonsense on\n")
    text = serve(service, "--apache-include", wrong)
    assert "Problem server-failed" in text
    assert "Invalid command 'Nonsense'" in text


def test_a_module_built_for_something_else(service: Service) -> None:
    """And what is said to type makes it work again."""
    site = next(service.project.path.glob(".venv/lib/python*/site-packages"))
    (module,) = (site / "mod_wsgi" / "server").glob("mod_wsgi*.so")
    other = next(site.glob("markupsafe/_speedups*.so"))
    kept = module.with_suffix(".kept")
    # Not written into: the file may be linked into other environments.
    module.rename(kept)
    try:
        shutil.copyfile(other, module)
        done = service.run("start")
        assert done.returncode == 1
        assert "build-stale" in done.stderr
        assert module.name in done.stderr
    finally:
        module.unlink()
        kept.rename(module)
    done = service.run("start")
    assert done.returncode == 0, done.stderr


@contextmanager
def small_disk(folder: Path, *options: str) -> Iterator[None]:
    """What `folder` has is written to another disk, but for the environment in it."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("a small disk of its own needs root and mount")
    environments, kept = folder / "env", folder.parent / "kept"
    kept.mkdir()
    mounted: list[Path] = []

    def mount(*words: str | Path) -> None:
        if subprocess.run(["mount", *words]).returncode != 0:
            pytest.skip("this container may not mount a file system")
        mounted.append(Path(words[-1]))

    try:
        mount("--bind", environments, kept)
        mount("-t", "tmpfs", "-o", options[0], "tmpfs", folder)
        environments.mkdir()
        mount("--bind", kept, environments)
        for option in options[1:]:
            mount("-o", f"remount,{option}", folder)
            mounted.pop()
        yield
    finally:
        for place in reversed(mounted):
            subprocess.run(["umount", "--lazy", place], check=True)
        kept.rmdir()


@pytest.mark.parametrize(
    ("options", "slug"), [("size=40k", "disk-full"), ("size=1m ro", "disk-read-only")]
)
def test_a_disk_that_takes_nothing(service: Service, options: str, slug: str) -> None:
    var = service.project.path / "var"
    with small_disk(var, *options.split()):
        done = service.run("start")
    assert done.returncode == 1
    assert f"Problem {slug} " in one_line(done.stderr)
    assert str(var) in one_line(done.stderr)


def test_a_disk_that_executes_nothing_is_no_obstacle(service: Service) -> None:
    with small_disk(service.project.path / "var", "noexec,size=16m"):
        assert service.run("start").returncode == 0
        assert ask(f"{service.url}/").status == 200
        assert service.run("stop").returncode == 0


# --- Servers that die later

DIE = """
@bp.get("/die/<int:number>")
def die(number: int) -> str:
    import os, time

    os.kill(os.getpid(), number)
    time.sleep(5)
    return "alive"
"""


def test_one_address_that_crashes_stops_nothing(service: Service) -> None:
    """Neither in the foreground nor in the background; and status says what happened."""
    add(service, DIE, "views.py")
    with running(service.project, env={"STOP_LIMIT": "0"}) as serving:
        for _ in range(6):
            assert ask(f"{serving.url}/die/{int(signal.SIGSEGV)}").status == 502
        with pytest.raises(subprocess.TimeoutExpired):  # it looks for a loop twice a second
            serving.process.wait(timeout=2)
        wait_for(lambda: answers(serving.url), 10, "an answer")
        assert serving.process.poll() is None
    assert service.run("start").returncode == 0
    assert service.status()["trouble"] is None
    for _ in range(6):
        ask(f"{service.url}/die/{int(signal.SIGKILL)}")
    trouble = wait_for(lambda: service.status()["trouble"], 10, "the deaths in the log")
    assert trouble["slug"] == "process-died"
    assert "SIGKILL" in trouble["text"]
    assert wait_for(lambda: service.run("status").returncode == 0, 10, "an answer")
    shown = service.run("status").stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "process" in shown.splitlines()[1]
    assert "was ended by signal SIGKILL" in service.run("explain").stdout


def answers(url: str) -> bool:
    try:
        return ask(f"{url}/").status == 200
    except OSError:
        return False


def test_a_reload_is_no_death(service: Service) -> None:
    assert service.run("start").returncode == 0
    assert service.run("reload").returncode == 0
    assert service.status()["trouble"] is None
    assert "died" not in service.run("logs", "-n", "1000").stdout


def test_an_apache_that_is_killed(service: Service) -> None:
    """Its own end is named, not that of a process which died before."""
    add(service, DIE, "views.py")
    with running(service.project) as serving:
        assert ask(f"{serving.url}/die/{int(signal.SIGSEGV)}").status == 502
        (apache,) = psutil.Process(serving.process.pid).children()
        apache.kill()
        assert serving.process.wait(timeout=30 * patience()) == 1
    assert f"Process {apache.pid} was ended by signal SIGKILL" in one_line(serving.log)
    assert "app-crashes" not in serving.log


LATER = """
def end(sign: str) -> None:
    import time

    while not os.path.exists(sign):
        time.sleep(0.1)
    time.sleep(0.3)
    os._exit(7)
"""


def test_a_loop_in_the_foreground_is_ended(service: Service) -> None:
    """After it has answered: from then on a thread ends each process soon after it is loaded."""
    sign = service.project.path / "now"  # where the application's user sees it
    add(service, LATER)
    start = f"import threading; threading.Thread(target=end, args=({str(sign)!r},)).start()"
    add(service, UNDER_APACHE + start)
    with running(service.project, env=MANY) as serving:
        family = serving.family()
        sign.touch()
        try:
            assert serving.process.wait(timeout=60 * patience()) == 1
        finally:
            sign.unlink()
    assert "app-exits" in serving.log
    assert "exits with status 7" in serving.log
    assert survivors(family, 5) == []


def test_a_reload_in_the_foreground_to_code_that_dies_and_back(service: Service) -> None:
    """What died of code that was mended says nothing of the processes that are new."""
    views = service.project.package / "__init__.py"
    good = views.read_text("utf-8")
    with running(service.project, env={"PORT": service.port, **LONG}) as serving:
        add(service, UNDER_APACHE + "os._exit(5)")
        started = time.monotonic()
        stuck = service.run("reload", **LONG)
        assert time.monotonic() - started < 300
        assert (stuck.returncode, "reload-stuck" in stuck.stderr) == (1, True)
        assert ask(f"{service.url}/").status == 200  # the other process still serves
        wait_for(lambda: serving.log.count("terminated by signal 5") >= LOOP_DEATHS, 30, "a loop")
        views.write_text(good, "utf-8")
        done = service.run("reload", **LONG)
        assert done.returncode == 0, done.stderr + serving.log
        time.sleep(1)  # the server looks for a loop twice a second
        assert ask(f"{service.url}/").status == 200


def test_a_loop_in_the_background_is_ended(service: Service) -> None:
    assert service.run("start").returncode == 0
    add(service, UNDER_APACHE + "os._exit(5)")
    for pid in service.workers():
        os.kill(pid, signal.SIGKILL)

    def is_told() -> bool:
        shown = service.run("status")
        told = "because its processes died again and again" in one_line(shown.stdout)
        return told and shown.returncode == 3

    wait_for(is_told, 30, "its end")
    assert "exits with status 5" in one_line(service.run("status").stdout)
    assert service.status()["trouble"]["slug"] == "app-exits"
    assert service.run("start").returncode == 1


def test_a_reload_to_code_that_dies_under_apache(service: Service) -> None:
    assert service.run("start", **LONG).returncode == 0
    add(service, UNDER_APACHE + "os._exit(6)")
    started = time.monotonic()
    done = service.run("reload", **LONG)
    assert done.returncode == 1
    assert "app-exits" in done.stderr
    assert "exits with status 6" in done.stderr
    assert time.monotonic() - started < 300
    assert ask(f"{service.url}/").status == 200  # the other process still serves


def test_a_reload_to_what_cannot_be_called(service: Service) -> None:
    """Nothing is replaced."""
    assert service.run("start").returncode == 0
    before = service.workers()
    add(service, "make = create_app\n\n\ndef create_app():\n    make()")
    done = service.run("reload")
    assert done.returncode == 1
    assert "app-unservable" in done.stderr
    assert "The application in hello_flask.wsgi is None." in one_line(done.stderr)
    assert service.workers() == before
    assert ask(f"{service.url}/").status == 200


def test_a_server_that_is_gone(service: Service) -> None:
    """Killed, and told to end by somebody else; and what is said to type mends it."""
    assert service.run("start").returncode == 0
    parent = psutil.Process(service.status()["pid"])
    parent.kill()
    assert survivors([parent], 20) == []
    gone = service.run("status")
    assert gone.returncode == 3
    assert "Apache was killed" in gone.stdout
    assert "of its processes are left" in one_line(gone.stdout)
    assert "./run start" in one_line(gone.stdout)
    assert service.run("start").returncode == 0
    parent = psutil.Process(service.status()["pid"])
    parent.terminate()
    assert survivors([parent], 20) == []
    told = "a signal ended it"
    wait_for(lambda: told in service.run("status").stdout, 10, "its last line in the log")
    assert service.run("start").returncode == 0
    service.run("stop")
    assert "Trouble" not in service.run("status").stdout


# --- explain


def test_explain_shows_the_latest_error_with_its_lines(service: Service) -> None:
    add(
        service,
        '@bp.get("/boom")\ndef boom() -> str:\n    raise RuntimeError("a detail")',
        "views.py",
    )
    assert service.run("start").returncode == 0
    assert ask(f"{service.url}/boom").status == 500
    shown = wait_for(
        lambda: text if "a detail" in (text := service.run("explain").stdout) else "",
        5,
        "the error in the log",
    )
    assert "  | RuntimeError: a detail" in shown
    assert 'views.py", line' in shown


@pytest.mark.parametrize(
    ("mode", "code"), [("daemon", "WSGI0126"), ("embedded", "RequestReadTimeout")]
)
def test_explain_says_why_an_upload_was_cut(service: Service, mode: str, code: str) -> None:
    """Of the request whose id the client was told; the limit is a second here."""
    add(service, '@bp.post("/take")\ndef take() -> str:\n    return "taken"', "views.py")
    (service.project.path / "own.conf").write_text("RequestReadTimeout body=1,MinRate=500\n")
    started = service.run("start", MODE=mode, APACHE_INCLUDE="own.conf")
    assert started.returncode == 0, started.stderr
    with socket.create_connection(("127.0.0.1", int(service.port))) as client:
        client.sendall(b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        answer = client.makefile("rb").read().decode()
    (request_id,) = re.findall("X-Request-ID: (.+?)\r", answer)

    def explained() -> str:
        text = service.run("explain", request_id).stdout
        return text if "POST /take 408 after" in text and code in text else ""

    assert "put RequestReadTimeout into" in " ".join(wait_for(explained, 5, "the logs").split())
    assert f"{code} " in service.run("explain").stdout


def test_the_codes_of_mod_wsgi_exist(healthy: Project) -> None:
    module = next(healthy.path.glob(".venv/lib/python*/site-packages/mod_wsgi/server/mod_wsgi*.so"))
    found = {code.decode() for code in re.findall(rb"WSGI\d{4}", module.read_bytes())}
    assert len(found) > 150
    assert {code for code in explain.table() if code.startswith("WSGI")} <= found


def test_the_codes_of_apache_exist(healthy: Project) -> None:
    """In the programs of this Apache; but for the one that only Apple's has."""
    source = "from mod_wsgi.express import apxs_config as c; print(c.HTTPD, c.LIBEXECDIR)"
    httpd, modules = healthy.call(".venv/bin/python", "-c", source).stdout.split()
    files = [Path(httpd), *Path(modules).glob("*.so")]
    if not {"mod_ssl.so", "mod_http2.so"} <= {file.name for file in files}:
        pytest.skip("this Apache was built without HTTPS or HTTP/2")
    found = {code.decode() for file in files for code in re.findall(rb"AH\d{5}", file.read_bytes())}
    known = {code for code in explain.table() if code.startswith("AH")}
    assert known - found == {"AH06665"}
