"""start, stop, restart, reload, status and logs, with the real Apache of both kinds."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from load import load
from serving import Project, ask, free_port, patience, running, survivors, wait_for

pytestmark = pytest.mark.slow


class Service:
    """A project whose verbs are called as an operator would."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.port = str(free_port())
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.project.call("./run", *words, **{"PORT": self.port, "PROCESSES": "2", **env})

    def status(self) -> dict:  # type: ignore[type-arg]
        return json.loads(self.run("status", "--json").stdout)  # type: ignore[no-any-return]

    def workers(self) -> list[int]:
        return [row["pid"] for row in self.status()["processes"]]


@pytest.fixture
def service(changed: Project) -> Iterator[Service]:
    """Started; stopped afterwards, with its sources as they were."""
    views = changed.package / "views.py"
    before = views.read_text()
    env_file = (changed.path / ".env").read_text()
    service = Service(changed)
    started = service.run("start")
    assert started.returncode == 0, started.stderr
    yield service
    views.write_text(before)
    (changed.path / ".env").write_text(env_file)
    service.run("stop")


def all_respond(rows: list[dict[str, Any]]) -> bool:
    """A process that is slow to report, as on a busy machine, does not for a moment."""
    return rows != [] and all(row["responds"] for row in rows)


def change(service: Service, old: str, new: str) -> None:
    views = service.project.package / "views.py"
    text = views.read_text()
    assert old in text
    views.write_text(text.replace(old, new))


INDEX = 'return render_template("index.html", served_by=served_by())'


def test_start_returns_when_it_answers_and_twice_is_safe(service: Service) -> None:
    assert ask(f"{service.url}/").status == 200
    again = service.run("start")
    assert (again.returncode, "already running" in again.stderr) == (0, True)


def test_stop_twice_is_safe_and_leaves_nothing(service: Service) -> None:
    family = psutil.Process(service.status()["pid"]).children(recursive=True)
    assert service.run("stop").returncode == 0
    assert survivors(family, 5) == []
    second = service.run("stop")
    assert (second.returncode, "not running" in second.stderr) == (0, True)


def test_a_request_that_goes_on_holds_up_no_stop(service: Service) -> None:
    assert service.run("restart", STOP_LIMIT="1").returncode == 0
    log = service.project.path / "var" / "log" / "error.log"
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask, f"{service.url}/slow?seconds=50&say")
        wait_for(lambda: "under way" in log.read_text().rpartition("resuming")[2], 5, "the request")
        started = time.monotonic()
        assert service.run("stop").returncode == 0
        assert time.monotonic() - started < 40  # far from the request's end


def test_an_address_of_ipv6(service: Service) -> None:
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    assert service.run("restart", HOST="::1").returncode == 0
    assert service.status()["address"] == f"http://[::1]:{service.port}/"
    assert ask(f"http://[::1]:{service.port}/").status == 200


def test_two_starts_at_once_start_one(service: Service) -> None:
    service.run("stop")
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: service.run("start"), range(2)))
    assert [one.returncode for one in done] == [0, 0]
    conf = str(service.project.path / "var" / "apache" / "httpd.conf")
    parents = {
        process.pid: process.info["ppid"]
        for process in psutil.process_iter(["cmdline", "ppid"])
        if conf in (process.info["cmdline"] or [])
    }
    assert len([pid for pid, parent in parents.items() if parent not in parents]) == 1
    assert sum("already running" in one.stderr for one in done) == 1


def test_a_start_says_that_a_running_server_keeps_its_settings(service: Service) -> None:
    assert "settings" not in service.run("start").stderr
    again = service.run("start", "--threads", "3")
    assert (again.returncode, "to use new ones: ./run restart" in again.stderr) == (0, True)


def test_a_start_that_fails_says_why_and_leaves_nothing(service: Service) -> None:
    service.run("stop")
    change(service, INDEX, INDEX + "\n\n\nraise RuntimeError('at import')")
    failed = service.run("start")
    assert failed.returncode == 1
    assert "app-broken" in failed.stderr
    assert "RuntimeError: at import" in failed.stderr
    assert service.run("status").returncode == 3


def test_a_start_that_is_refused_after_a_stop_is_no_death(service: Service) -> None:
    service.run("stop")
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        for port in ("x", str(taken.getsockname()[1])):
            assert service.run("start", PORT=port).returncode == 1
            found = service.run("status")
            assert (found.returncode, "was killed" in found.stdout) == (3, False), found.stdout


@pytest.mark.parametrize(
    ("fault", "slug"),
    [("directives", "server-failed"), ("port", "port-in-use")],
)
def test_a_restart_that_cannot_start_stops_nothing(service: Service, fault: str, slug: str) -> None:
    own, found = service.project.path / "own.conf", service.status()
    own.write_text("Nonsense on\n")
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        given = {"APACHE_INCLUDE": own.name} if fault == "directives" else {}
        port = service.port if given else str(taken.getsockname()[1])
        refused = service.run("restart", PORT=port, **given)
    own.unlink()
    assert (refused.returncode, slug in refused.stderr) == (1, True), refused.stderr
    assert f"* process {found['pid']} serves as before at {service.url}/\n" in refused.stderr
    assert service.workers() == [row["pid"] for row in found["processes"]]
    assert ask(f"{service.url}/").status == 200


WAITS = """

@bp.get("/waits")
def waits() -> str:
    while os.path.exists(request.args["while"]):
        time.sleep(0.02)
    return "done"
"""


def test_status(service: Service) -> None:
    sign = service.project.path / "sign"  # where the application's user sees it
    views = service.project.package / "views.py"
    views.write_text(views.read_text() + WAITS)
    assert service.run("restart").returncode == 0
    sign.touch()
    with ThreadPoolExecutor(1) as pool:
        try:
            slow = pool.submit(ask, f"{service.url}/waits?while={sign}")
            busy = wait_for(
                lambda: [row for row in service.status()["processes"] if row.get("busy")],
                10,
                "a busy thread",
            )
        finally:
            sign.unlink()
        assert busy[0]["busy"] == 1
        assert busy[0]["idle"] == 4
        assert slow.result().status == 200
    ask(f"{service.url}/boom")

    def told() -> dict[str, Any]:
        found = service.status()
        return found if found["errors"] and all_respond(found["processes"]) else {}

    found = wait_for(told, 10, "the error, and a report of each process")
    assert found["state"] == "running"
    assert found["address"] == f"{service.url}/"
    assert len(found["processes"]) >= 2
    assert sum(row["requests"] for row in found["processes"]) >= 2
    assert all(row["memory"] > 1_000_000 for row in found["processes"])
    assert "RuntimeError: a detail" in found["errors"][0]
    assert found["server"]["Capacity"].startswith("2 processes x 5 threads, ")
    assert Path(service.project.path, found["server"]["Apache"]).is_file()
    assert Path(service.project.path, found["server"]["Logs"], "error.log").is_file()
    shown = service.run("status")
    assert shown.returncode == 0
    assert all(value in shown.stdout for value in found["server"].values())
    assert max(map(len, shown.stdout.splitlines())) <= 80
    service.run("stop")
    assert service.run("status").returncode == 3


def test_status_says_which_process_does_not_respond(service: Service) -> None:
    pid = service.workers()[0]
    os.kill(pid, signal.SIGSTOP)
    try:

        def it_alone() -> bool:
            rows = service.status()["processes"]
            return [row["pid"] for row in rows if not row["responds"]] == [pid]

        wait_for(it_alone, 10, "the others to respond")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_logs(service: Service) -> None:
    ask(f"{service.url}/?first")
    ask(f"{service.url}/boom")
    ask(f"{service.url}/boom")

    def both() -> str:
        """The two logs come through pipes of their own."""
        text = service.run("logs", "-n", "100").stdout
        counts = text.count("GET /boom"), text.count("RuntimeError: a detail")
        return text if min(counts) >= 2 else ""

    text = wait_for(both, 10, "the access log and the error log")
    assert text.rindex("?first") < text.rindex("RuntimeError: a detail")
    grouped = service.run("logs", "--errors").stdout
    assert re.search(r"\d+ x  last .*RuntimeError: a detail", grouped)
    assert "Traceback" not in grouped
    followed = service.project.path.parent / "followed.log"
    with followed.open("wb") as output:
        follower = subprocess.Popen(
            ["./run", "logs", "-f", "-n", "0"], cwd=service.project.path, stdout=output
        )
    try:

        def shown() -> bool:
            ask(f"{service.url}/?followed")
            return "?followed" in followed.read_text()

        wait_for(shown, 10, "a new line")
        assert "/boom" not in followed.read_text()
    finally:
        follower.terminate()
        follower.wait(timeout=10 * patience())


PRINTED = """
print("Traceback (most recent call last):")
print("ValueError: printed while it was loaded")


@bp.get("/prints")
def prints() -> str:
    print("ERROR printed in a request")
    print("KeyError: 'printed'", file=sys.stdout, flush=True)
    return "done"
"""


def test_what_is_printed_is_no_error(service: Service) -> None:
    """However much it looks like one."""
    views = service.project.package / "views.py"
    views.write_text(f"import sys\n{views.read_text()}{PRINTED}")
    assert service.run("restart").returncode == 0
    assert ask(f"{service.url}/prints").text == "done"
    log = service.project.path / "var" / "log" / "error.log"
    wait_for(lambda: "KeyError: 'printed'" in log.read_text(), 5, "the log")
    assert service.status()["errors"] == []
    for words in (["status"], ["logs", "--errors"], ["explain"]):
        done = service.run(*words)
        assert done.returncode == 0
        assert "printed" not in done.stdout, words
    assert "KeyError: 'printed'" in service.run("logs", "-n", "100").stdout


@pytest.mark.daemon_mode
def test_reload_takes_new_code_and_settings_without_a_failed_request(service: Service) -> None:
    """Many in a row, under load: kept and new connections, slow requests under way."""
    with (
        load(service.url) as quick,
        load(service.url, "/slow?seconds=0.5", keep=1, close=1) as slow,
    ):
        for number in range(8):
            views = service.project.package / "views.py"
            views.write_text(re.sub(r"# \d+$", "", views.read_text()) + f"# {number}")
            done = service.run("reload")
            assert done.returncode == 0, done.stderr
    assert quick.answered > 200
    assert quick.failures + slow.failures == []


def test_reload_takes_new_settings_of_the_application(service: Service) -> None:
    change(service, INDEX, 'return os.environ["GREETING"]')
    value = "a 'b' \"c\" $HOME ${HOME} 100% #1 \\ é世😀\na second line"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    with (service.project.path / ".env").open("a") as file:
        file.write(f'GREETING="{escaped}"\n')
    assert service.run("reload").returncode == 0
    assert ask(f"{service.url}/").text == value
    for path in (service.project.path / "var" / "apache").rglob("*"):
        if path.is_file() and b"100% #1" in path.read_bytes():
            assert path.stat().st_mode & 0o007 == 0, path
    assert without_apache(service.project) == value


def without_apache(project: Project) -> str:
    """The page as Flask's development server answers it, which reads `.env` by itself."""
    port = free_port()
    flask = subprocess.Popen(
        [".venv/bin/python", "-m", "hello_flask", "--port", str(port)],
        cwd=project.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def page() -> str:
        try:
            return ask(f"http://127.0.0.1:{port}/").text
        except OSError:
            return ""

    try:
        return str(wait_for(page, 20, "Flask's own server"))
    finally:
        flask.terminate()
        flask.wait()


@pytest.mark.daemon_mode
def test_reload_waits_for_a_slow_import(service: Service) -> None:
    slow = min(20, round(4 * patience()))
    sleep = f"import os\nimport time as slowly\n\nslowly.sleep({slow})\n"
    change(service, "import os\n", sleep)
    with load(service.url) as record:
        assert service.run("reload").returncode == 0
    assert record.failures == []
    assert record.slowest < slow  # nobody waited for an import


@pytest.mark.daemon_mode
def test_reload_with_threads_started_at_import(service: Service) -> None:
    start = "\n\nimport threading\n\nfor _ in range(9):\n    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    change(service, '\n\n@bp.get("/boom")', start + '\n\n@bp.get("/boom")')
    with load(service.url) as record:
        assert service.run("reload").returncode == 0
        assert service.run("reload").returncode == 0
    assert record.failures == []


# Uses its output as a program does that is not under Apache.
PRINTS = """
import faulthandler
import sys

faulthandler.enable()
sys.stdout.reconfigure(line_buffering=True)
sys.stdout.buffer.write(f"to {sys.stdout.fileno()} and {sys.stderr.fileno()}\\n".encode())
"""

# Only a process of Apache's has this module.
REFUSES_APACHE = """
try:
    import mod_wsgi
    mod_wsgi.process_group
except (ImportError, AttributeError):
    pass
else:
    raise KeyError("not under Apache")
"""


def test_output_is_used_as_elsewhere(service: Service) -> None:
    views = service.project.package / "views.py"
    views.write_text(views.read_text() + PRINTS)
    done = service.run("reload")
    assert done.returncode == 0, done.stderr
    log = service.project.path / "var" / "log" / "error.log"
    wait_for(lambda: "to 2 and 2" in log.read_text(), 5, "the log")


@pytest.mark.daemon_mode
def test_a_process_that_cannot_load_the_code_gets_no_requests(service: Service) -> None:
    """And says so; it loads the code once that can be loaded, without being asked."""
    views = service.project.package / "views.py"
    good = views.read_text()
    views.write_text(good + REFUSES_APACHE)
    refused = service.run("reload")
    assert refused.returncode == 1
    assert "KeyError: 'not under Apache'" in refused.stderr
    rows = service.status()["processes"]
    (broken,) = (row["pid"] for row in rows if row.get("cannot_load"))
    (old,) = (row["pid"] for row in rows if row["pid"] != broken)
    assert f"* serving with the old code: {old}\n" in refused.stderr
    assert f"get no requests and try again: {broken}\n" in refused.stderr
    assert {ask(f"{service.url}/").status for _ in range(20)} == {200}
    assert f"process {broken} cannot load the application: KeyError" in service.run("status").stdout
    views.write_text(good)
    done = service.run("reload")
    assert done.returncode == 0, done.stderr

    def respond() -> list[bool]:
        return [row["responds"] for row in service.status()["processes"]]

    wait_for(lambda: respond() == [True, True], 10, "both to respond")


@pytest.mark.daemon_mode
def test_a_reload_in_the_foreground_says_why_a_process_cannot_load_the_code(
    service: Service,
) -> None:
    """At once, although its log is in a terminal or the journal."""
    service.run("stop")
    views = service.project.package / "views.py"
    with running(service.project, env={"PORT": service.port, "START_LIMIT": "300"}):
        views.write_text(views.read_text() + REFUSES_APACHE)
        started = time.monotonic()
        refused = service.run("reload", START_LIMIT="300")
        assert time.monotonic() - started < 300  # a slow import may take so long
        assert "Problem  app-broken" in refused.stderr
        assert "  | KeyError: 'not under Apache'" in refused.stderr
        assert "* 0 of 2 processes were replaced" in refused.stderr


def test_where_no_process_can_load_the_code_that_is_told(service: Service) -> None:
    views = service.project.package / "views.py"
    assert service.run("restart", PROCESSES="1").returncode == 0
    views.write_text(views.read_text() + REFUSES_APACHE)
    refused = service.run("reload", PROCESSES="1")
    assert "answer every request with a 500" in refused.stderr
    assert ask(f"{service.url}/").status == 500
    assert service.status()["state"] == "not answering"


def test_a_restart_that_fails_after_the_stop_says_that_nothing_is_served(
    service: Service,
) -> None:
    views = service.project.package / "views.py"
    views.write_text(views.read_text() + REFUSES_APACHE)
    failed = service.run("restart", "--json")
    *lines, problem = failed.stderr.splitlines()
    assert json.loads(problem)["problem"] == "app-broken"
    assert lines[-1] == "* nothing is served now"
    assert service.run("status").returncode == 3


def test_broken_code_is_refused_and_the_old_serves_on(service: Service) -> None:
    workers = service.workers()
    change(service, INDEX, INDEX + "\n\n\nsyntax error")
    with load(service.url) as record:
        refused = service.run("reload")
    assert refused.returncode == 1
    assert "SyntaxError" in refused.stderr
    assert f" serves as before at {service.url}/\n" in refused.stderr
    assert record.failures == []
    assert service.workers() == workers


@pytest.mark.daemon_mode
def test_settings_that_need_a_restart_are_named(service: Service) -> None:
    refused = service.run("reload", THREADS="7")
    assert refused.returncode == 1
    assert "THREADS (was 5, is now 7)" in " ".join(refused.stderr.split())
    assert service.run("restart", THREADS="7").returncode == 0

    def are_idle() -> bool:
        return [row.get("idle") for row in service.status()["processes"]] == [7, 7]

    wait_for(are_idle, 10, "seven threads in each process")


def test_a_killed_worker_costs_no_more_than_its_requests(service: Service) -> None:
    with load(service.url) as record:
        victim = service.workers()[0]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(set(service.workers()) - {victim}) == 2, 10, "its successor")
    assert len(record.failures) <= 6  # as many as there are clients


def test_a_killed_parent_is_cleaned_up(service: Service) -> None:
    os.kill(service.status()["pid"], signal.SIGKILL)
    started = service.run("start")  # the children of the old one still have the port
    assert started.returncode == 0, started.stderr
    assert ask(f"{service.url}/").status == 200


def test_it_is_found_although_the_server_root_is_gone(service: Service) -> None:
    root = service.project.path / "var" / "apache"

    def gone() -> bool:
        shutil.rmtree(root, ignore_errors=True)
        return not root.exists()

    # Again and again, because a process that has just started still writes there.
    wait_for(gone, 10, "its end")
    assert "server-root-incomplete" in service.run("start").stderr
    stopped = service.run("stop")
    assert "stopped" in stopped.stderr
    assert service.run("start").returncode == 0
    assert ask(f"{service.url}/").status == 200


def test_it_works_from_any_directory(service: Service) -> None:
    run = service.project.path / "run"
    done = subprocess.run([run, "status"], cwd="/", capture_output=True, text=True)
    assert done.returncode == 0


def test_secrets_are_in_no_command_line_and_no_readable_file(service: Service) -> None:
    secret = re.findall(r"FLASK_SECRET_KEY=(\w+)", (service.project.path / ".env").read_text())[0]
    parent = psutil.Process(service.status()["pid"])
    for process in (parent, *parent.children(recursive=True)):
        assert secret not in " ".join(process.cmdline())
    for file in (service.project.path / "var").rglob("*"):
        if file.is_file() and secret.encode() in file.read_bytes():
            assert file.stat().st_mode & 0o007 == 0, file
    assert secret not in service.run("config").stdout


@pytest.mark.parametrize(
    ("env", "slug"),
    [
        ({"FLASK_SECRET_KEY": "short"}, "secret-weak"),
        ({"FLASK_SECRET_KEY": "changeme"}, "secret-weak"),
        ({"FLASK_DEBUG": "1"}, "debug-on"),
        ({"PROCESSES": "0"}, "setting-invalid"),
        ({"REQUEST_LIMIT": "4"}, "setting-invalid"),
    ],
)
def test_what_production_refuses(changed: Project, env: dict[str, str], slug: str) -> None:
    for verb in ("start", "serve"):
        done = changed.call("./run", verb, **env)
        assert done.returncode == 1
        assert slug in done.stderr


def test_a_missing_env_file_is_made_by_its_remedy(changed: Project) -> None:
    file = changed.path / ".env"
    before = file.read_text()
    file.unlink()
    try:
        done = changed.call("./run", "start", "--json")
        problem = json.loads(done.stderr.splitlines()[-1])
        assert problem["problem"] == "env-file-missing"
        assert changed.call("sh", "-c", problem["type"][0]).returncode == 0
        assert file.exists()
    finally:
        file.write_text(before)


def test_a_start_tells_of_a_setting_with_several_values(changed: Project) -> None:
    file = changed.path / ".env"
    before = file.read_text()
    file.write_text(f"{before}THREADS=3\nTHREADS=4\nPROCESES=4\n")
    try:
        done = changed.call("./run", "start", PORT=str(free_port()))
        changed.call("./run", "stop")
    finally:
        file.write_text(before)
    assert re.search(r"THREADS is in lines [\d, ]+ and \d+ of .env: the last line", done.stderr)
    assert "* PROCESES in .env is no setting of this server; PROCESSES is\n" in done.stderr


def test_two_projects_do_not_touch_each_other(service: Service, project: Project) -> None:
    other = Service(project)
    assert other.run("start").returncode == 0
    try:
        assert service.run("stop").returncode == 0
        assert ask(f"{other.url}/").status == 200
        assert service.run("start").returncode == 0
    finally:
        assert other.run("stop").returncode == 0
    assert ask(f"{service.url}/").status == 200
