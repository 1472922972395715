"""What the application's user, and who shares its group, tries against a server of root that runs."""

import json
import os
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import Built
from serving import (
    Project,
    ask,
    generate,
    patience,
    root_sees_open_files,
    survivors,
    wait_for,
)
from test_attacks import LEFT_BEHIND, NOBODY, as_nobody, given_to, said
from test_background import Service

from flask_modwsgi.logs.writer import LOOP_DEATHS
from flask_modwsgi.machine import accounts

TAKES_CERTIFICATE = "flask_modwsgi.server.take_certificate"
ELSEWHERE = Path(f"/run/flask-modwsgi-elsewhere-{os.getpid()}")
VIEWS = r"""

@bp.get("/print")
def say() -> str:
    os.write(2, b"\x1b]0;owned\x07 from C\n")
    os.write(2, b'{"time": "0001-01-01T00:00:00", "level": "error", "message": "owned"}\n')
    current_app.logger.error("\x1b]0;owned\x07")
    raise RuntimeError("\x1b]0;owned\x07")


@bp.get("/certificate")
def invent() -> str:
    for _ in range(50):
        os.write(2, b"[2026-11-22 19:31:57.288637 +0000] [md:notice] [pid 1] AH10059: it is here\n")
    return "said"


@bp.get("/fails/<path:rest>")
def fail(rest: str) -> str:
    raise RuntimeError(rest)


@bp.get("/owned<path:rest>")
def take(rest: str) -> str:
    time.sleep(float(request.args.get("seconds", 0)))
    return rest
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose; run it as root"),
    pytest.mark.xdist_group("attacks_running"),
]


@pytest.fixture(scope="module")
def project(built: Built, kind: str, workplace: Path) -> Project:
    made = generate(workplace / "running", f"apache={kind}")
    made.add_views()
    with (made.package / "views.py").open("a") as views:
        views.write(VIEWS)
    return made


@pytest.fixture
def service(project: Project) -> Iterator[Service]:
    """Started by root."""
    service = Service(project)
    started = service.run("start")
    assert started.returncode == 0, started.stderr
    yield service
    service.run("stop")


def run_user() -> accounts.Account:
    """Whom the application runs as."""
    return accounts.choose("")


def is_text(done: subprocess.CompletedProcess[str]) -> bool:
    shown = done.stdout + done.stderr
    return all(one.isprintable() or one in "\n\t" for one in shown)


# --- What others read


def read_by_group(service: Service) -> str:
    """What a user in the group of the application reads, who knows the name of every file."""
    var = service.project.path / "var"
    files = [str(file) for file in var.rglob("*") if file.is_file() and "env" not in file.parts]
    assert any(file.endswith("environment.json") for file in files)
    group = accounts.groups(run_user())
    done = subprocess.run(
        ["cat", *files], user=54321, group=54321, extra_groups=group, capture_output=True, text=True
    )
    assert "text/css" in done.stdout  # mime.types
    return done.stdout


def test_who_shares_the_group_reads_no_secret(service: Service) -> None:
    """The server root can be entered by the group; nothing in it has what the application is given."""
    given = json.loads((service.project.path / "var/apache/environment.json").read_text())
    assert given["variables"]["FLASK_SECRET_KEY"] not in read_by_group(service)


STANDS_IN = """
import sys
from pathlib import Path
from flask_modwsgi.config.project import Project
from flask_modwsgi.server import launch, renewal
project = Project(Path.cwd())
with renewal.stand_in(launch.collect(project, logs=project.logs)):
    print("serving", flush=True)
    sys.stdin.read()
"""


@pytest.mark.daemon_mode
def test_who_shares_the_group_is_not_taken_for_the_first_apache(service: Service) -> None:
    """While a second one stands in for it: that would trust the address and the host they name."""
    var = service.project.path / "var"
    with subprocess.Popen(
        [service.project.path / ".venv/bin/python", "-c", STANDS_IN],
        cwd=service.project.path,
        env=os.environ | {"PORT": service.port},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as second:
        assert second.stdout and second.stdin
        try:
            assert second.stdout.readline() == b"serving\n"
            token = (var / "apache" / "stand-in").read_text().split()[-1]
            assert token in (var / "stand-in" / "httpd.conf").read_text()
            assert token not in read_by_group(service)
            assert ask(f"{service.url}/whoami").status == 200
        finally:
            second.stdin.close()


def test_a_start_finds_what_a_dead_apache_left_without_its_record(service: Service) -> None:
    """Its processes keep the port, and root's start would name the project itself as who has it."""
    if not root_sees_open_files():
        pytest.skip("root has no CAP_SYS_PTRACE; docker run --cap-add SYS_PTRACE")
    before = psutil.Process(service.status()["pid"])
    family = before.children(recursive=True)
    shutil.rmtree(os.path.realpath(service.project.path / "var" / "apache"))
    before.kill()
    started = service.run("start")
    assert started.returncode == 0, started.stderr
    assert survivors(family, patience()) == []
    assert ask(f"{service.url}/whoami").status == 200


def test_no_proof_leaves_what_the_application_was_given(service: Service) -> None:
    assert service.run("doctor", "--hello").returncode == 0
    assert [
        file
        for file in service.project.path.rglob("environment.json")
        if file.parent.name != "apache"
    ] == []


def test_a_loose_umask_opens_nothing(service: Service) -> None:
    """Neither the files of Apache, nor those of the application, nor its sockets."""
    root = service.project.path
    done = service.project.call("sh", "-c", "umask 0; exec ./run restart", PORT=service.port)
    assert done.returncode == 0, done.stderr
    assert list((root / "var/apache/workers/errors").iterdir())
    assert [
        file
        for file in root.rglob("*")
        if not file.is_symlink() and file.stat().st_mode & stat.S_IWOTH
    ] == []


def test_a_narrow_umask_closes_nothing(service: Service) -> None:
    """Nor does it leave what the next start stumbles over."""
    for umask in ("777", "077"):
        done = service.project.call(
            "sh", "-c", f"umask {umask}; exec ./run restart", PORT=service.port
        )
        assert done.returncode == 0, done.stderr
        assert ask(f"{service.url}/static/style.css").status == 200
        assert ask(f"{service.url}/whoami").status == 200


@pytest.mark.skipif(not shutil.which("useradd"), reason="install useradd; Alpine has it in shadow")
@pytest.mark.parametrize("verb", ["start", "doctor"])
def test_a_user_in_roots_group_is_no_run_user(project: Project, verb: str) -> None:
    """A group that may write what root runs would be the application's, too."""
    name = f"fmw-attack-{os.getpid()}"
    subprocess.run(["useradd", "--system", "--gid", "0", "--no-create-home", name], check=True)
    try:
        done = project.call("./run", verb, RUN_USER=name)
        assert done.returncode == 1
        assert "it is in root's group" in " ".join((done.stdout + done.stderr).split())
    finally:
        subprocess.run(["userdel", name], check=True)


# --- What the application reports


def reports(service: Service) -> list[Path]:
    workers = service.project.path / "var" / "apache" / "workers"
    return [workers / f"{pid}.report" for pid in service.workers()]


@contextmanager
def rewritten(files: list[Path], content: str) -> Iterator[None]:
    """As its user can: it has each of `files` say `content`, whenever it was written."""
    ended = threading.Event()

    def rewrite() -> None:
        while not ended.wait(0.005):
            for file in files:
                part = file.with_suffix(".attack")
                part.write_text(content.replace("NOW", repr(time.time() + 5)))
                part.replace(file)

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


HUGE = "1" + "0" * 400
BAD = r"\u001b]0;owned\u0007"
REPORTS = {
    "huge numbers": f'{{"time": NOW, "requests": {HUGE}, "busy": {HUGE}}}',
    "text": f'{{"time": NOW, "requests": "{BAD}", "busy": 0}}',
    "no end": "[" * 100_000,
}
STACKS = {
    "a huge number": f'{{"time": NOW, "threads": [{{"request": {{"since": {HUGE}}}}}]}}',
    "text": f'{{"time": NOW, "threads": [{{"name": "{BAD}", "request": null, "calls":'
    f' [["{BAD}", "{BAD}", "{BAD}", "{BAD}"]]}}]}}',
    "another type": '{"time": NOW, "threads": [1, null, []]}',
    "no calls": '{"time": NOW, "threads": [{"request": {"since": 1.0, "method": [], "path": {}}}]}',
}


@pytest.mark.parametrize("name", REPORTS)
def test_status_stands_every_report(service: Service, name: str) -> None:
    with rewritten(reports(service), REPORTS[name]):
        done = service.run("status")
    assert done.returncode in (0, 1) and done.stdout.startswith("State"), done.stderr
    assert is_text(done) and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", STACKS)
def test_dump_stands_every_report(service: Service, name: str) -> None:
    with rewritten([file.with_suffix(".stacks") for file in reports(service)], STACKS[name]):
        done = service.run("dump")
    assert done.returncode == 0 and "Process " in done.stdout, done.stderr
    assert is_text(done)


FORGED: dict[str, dict[str, Any]] = {  # what a record of a server can say that its account wrote
    "blank names": {"settings": {"https_names": " "}},
    "only separators": {"settings": {"https_names": ", ,"}},
    "no processes": {"settings": {"mode": "embedded", "processes": 0}},
    "no threads": {"settings": {"threads": 0}},
    "another mode": {"settings": {"mode": "none"}},
    "a long wait": {"settings": {"stop_limit": 10**15}},
    "a port": {"settings": {"port": -1}},
    "an address": {"address": "http://["},
    "a host": {"address": "http://x\r\ny"},
    "another scheme": {"address": "file:///etc"},
    "a path": {"is_alive_at": "\r\n"},
    "a null": {"logs": "/\0", "project": "/\0"},
    "a folder": {"project": "\ud800"},
    "a long name": {"logs": "/" + "x" * 5000, "project": "/" + "x" * 5000},
    "no folder": {"logs": "/dev/null", "project": "/dev/null", "server_root": "/dev/null/x"},
    "the end of time": {"started": 2.0**52, "stopped": -(2.0**52)},
    "a huge process": {"pid": 2**52},
    "a negative process": {"pid": -1},
    "no reason": {"stopped": 1.0, "because": {"slug": 1}},
    "a broken reason": {"stopped": 1.0, "because": {"slug": "x", "what": [], "remedy": 1}},
}


def test_status_stands_every_record(service: Service) -> None:
    """In a service, the account of the application has it; root asks for the status."""
    file = service.project.path / "var" / "apache" / "state.json"
    recorded = file.read_text()
    wrong = {}
    try:
        for name, more in FORGED.items():
            forged = json.loads(recorded)
            for key, value in more.items():
                forged[key] = {**forged[key], **value} if key == "settings" else value
            file.write_text(json.dumps(forged))
            done = service.run("status")
            if not (done.stdout.startswith("State") and done.stderr == "" and is_text(done)):
                wrong[name] = done.stdout + done.stderr
    finally:
        file.write_text(recorded)
    assert wrong == {}


def test_a_pipe_holds_up_no_verb(service: Service) -> None:
    for file in reports(service):
        for name in (file, file.with_suffix(".stacks"), file.with_suffix(".stuck")):
            pipe = name.with_name(f"{name.name}.attack")
            os.mkfifo(pipe)
            os.chown(pipe, run_user().uid, -1)
            pipe.replace(name)  # at once, as its process may write it meanwhile
    for verb in ("status", "dump", "reload", "stop"):
        started = time.monotonic()
        assert is_text(service.run(verb))
        assert time.monotonic() - started < 60 * patience(), verb


def test_what_it_puts_among_the_copies_of_static_files_is_no_obstacle(service: Service) -> None:
    """Its user owns their folder; a restart would end the server and not start it again."""
    copies = service.project.path / "var" / "apache" / "static"
    (copies / "folder" / "more").mkdir(parents=True)
    (copies / "folder").chmod(0)
    (copies / "link").symlink_to("/etc")
    os.mkfifo(copies / "pipe")
    for path in copies.iterdir():
        os.chown(path, run_user().uid, -1, follow_symlinks=False)
    done = service.run("reload")
    assert done.returncode == 0, done.stderr
    assert all(path.is_file() and not path.is_symlink() for path in copies.iterdir())
    assert Path("/etc").is_dir()


def test_what_it_prints_reaches_no_terminal_but_as_text(service: Service) -> None:
    """Nor does what a client asks for; and a line from another age keeps no verb from reading on."""
    assert ask(f"{service.url}/print").status == 500
    ask(f"{service.url}/owned%1b%5d0;owned%07?%1b[2J", **{"User-Agent": "\x1b]0;owned\x07"})
    log = service.project.path / "var" / "log" / "error.log"
    wait_for(lambda: "RuntimeError" in log.read_text(errors="replace"), 10, "the error")
    for verb in (["logs"], ["logs", "--errors"], ["status"], ["explain"], ["doctor"], ["dump"]):
        done = service.run(*verb)
        assert is_text(done), verb
        assert "Traceback (most recent call last)" not in done.stderr, done.stderr
    assert "owned" in service.run("logs").stdout


# --- What root starts because of what it says

PRELOADED = f"""
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void attack(void) {{
    if (geteuid() == 0) close(open("{LEFT_BEHIND}", O_CREAT | O_WRONLY, 0600));
}}
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="install a C compiler, such as gcc")
def test_a_certificate_that_the_application_invents_has_root_run_nothing_of_it(
    service: Service, workplace: Path
) -> None:
    """It owns the file with its variables; the processes of root that see to certificates read others."""
    library = workplace / "preloaded.so"
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=PRELOADED, text=True, check=True)
    LEFT_BEHIND.unlink(missing_ok=True)
    given = service.project.path / "var/apache/environment.json"
    changed = json.loads(given.read_text())
    changed["variables"]["LD_PRELOAD"] = str(library)
    as_run_user(f"chmod u+w {given} && cat > {given}", json.dumps(changed))

    def seen_to() -> list[psutil.Process]:
        words = {TAKES_CERTIFICATE, str(service.project.path / "var/apache")}
        running = psutil.process_iter(["cmdline"])
        return [one for one in running if words <= set(one.info["cmdline"] or [])]

    assert ask(f"{service.url}/certificate").status == 200
    wait_for(seen_to, 20, "root to look for a certificate")
    wait_for(lambda: not seen_to(), 60, "the end of it")
    assert not LEFT_BEHIND.exists()


def as_run_user(command: str, given: str) -> None:
    account = run_user()
    subprocess.run(
        ["sh", "-ec", command],
        input=given,
        text=True,
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        check=True,
    )


def test_what_clients_have_logged_is_taken_for_no_death(service: Service) -> None:
    """It would be for a loop where no process is older than five seconds: the server was stopped."""

    each = LOOP_DEATHS + 2

    def ask_for_deaths() -> None:
        for number in range(each):
            address = f"{service.url}/fails/process%20{number}%20of%20the%20application%20died"
            assert ask(address).status == 500

    ask_for_deaths()
    reloaded = service.run("reload")
    assert reloaded.returncode == 0, reloaded.stderr
    ask_for_deaths()
    log = service.project.path / "var" / "log" / "error.log"
    wait_for(lambda: log.read_text().count("application died [GET]") >= 2 * each, 10, "the log")
    shown = service.run("status")
    assert shown.returncode == 0 and "Trouble" not in shown.stdout, shown.stdout


@pytest.mark.skipif(not shutil.which("git"), reason="install git")
def test_git_obeys_nobody_else_when_root_asks_for_the_release(
    service: Service, workplace: Path
) -> None:
    """Its settings may name programs: those of a home that sudo kept, and those of a repository of
    the user who called sudo.
    """
    root, home = service.project.path, workplace / "theirs"
    home.mkdir()
    monitor = f'[core]\n\tfsmonitor = "touch {LEFT_BEHIND}; false"\n'
    (home / ".gitconfig").write_text(monitor)
    LEFT_BEHIND.unlink(missing_ok=True)
    try:
        own = ("git", "-c", "user.name=a", "-c", "user.email=a@b")
        for words in (["init", "-q"], ["add", "run"], ["commit", "-qm", "x"]):
            subprocess.run([*own, *words], cwd=root, check=True)
        with given_to(NOBODY, home):
            assert service.run("status", HOME=str(home)).returncode == 0
        with (root / ".git" / "config").open("a") as config:
            config.write(monitor)
        with given_to(NOBODY, root / ".git"):
            assert service.run("status", SUDO_UID=str(NOBODY)).returncode == 0
        assert not LEFT_BEHIND.exists()
    finally:
        shutil.rmtree(root / ".git")


# --- What it writes


@pytest.mark.parametrize("kind_of_file", ["link", "pipe"])
def test_the_writer_of_the_logs_follows_no_link(service: Service, kind_of_file: str) -> None:
    """Not even where somebody gave the folder away after the start."""
    logs = service.project.path / "var" / "log"
    LEFT_BEHIND.unlink(missing_ok=True)
    with given_to(NOBODY, logs):
        make = f"ln -s {LEFT_BEHIND}" if kind_of_file == "link" else "mkfifo"
        # At once, as the writer makes a log that is gone.
        as_nobody(f"cd {logs} && {make} planted && mv -f planted access.log")
        assert ask(f"{service.url}/?attack").status == 200
        log = logs / "access.log"
        wait_for(lambda: log.is_file() and "?attack" in log.read_text(), 10, "the line")
    assert not LEFT_BEHIND.exists()


@pytest.mark.parametrize(
    "words", [("dump",), ("doctor", "--report")], ids=["dump", "doctor --report"]
)
def test_no_verb_writes_where_a_link_leads(service: Service, words: tuple[str, ...]) -> None:
    """Of a file, or of the folder that it is in; also where somebody gave away ``var`` since the start."""
    var = service.project.path / "var"
    LEFT_BEHIND.unlink(missing_ok=True)
    ELSEWHERE.mkdir()
    try:
        os.chown(var, NOBODY, NOBODY)
        as_nobody(
            f"cd {var} && ln -s {LEFT_BEHIND} report.txt && mv log kept && ln -s {ELSEWHERE} log"
        )
        assert ask(f"{service.url}/").status == 200  # it has a line in the log
        refused = service.run(*words)
        assert refused.returncode == 1
        assert f"Root does not run this project: others can change {var}." in said(refused)
        os.chown(var, 0, 0)
        put_back(var / "log", var / "kept")
        service.run(*words)
        assert not LEFT_BEHIND.exists()
        assert list(ELSEWHERE.iterdir()) == []
    finally:
        os.chown(var, 0, 0)
        put_back(var / "log", var / "kept")
        (var / "report.txt").unlink(missing_ok=True)
        shutil.rmtree(ELSEWHERE)


def put_back(folder: Path, kept: Path) -> None:
    """`kept`, where a link may be in its place."""
    if kept.exists():
        folder.unlink(missing_ok=True)
        kept.rename(folder)


def test_a_start_closes_no_folder_behind_a_link(project: Project) -> None:
    logs, kept = project.path / "var" / "log", project.path / "var" / "kept"
    logs.mkdir(exist_ok=True)  # which only a start makes
    service = Service(project)
    ELSEWHERE.mkdir()
    try:
        ELSEWHERE.chmod(0o755)
        logs.rename(kept)
        logs.symlink_to(ELSEWHERE)
        started = service.run("start")
        assert started.returncode == 0, started.stderr
        assert ELSEWHERE.stat().st_mode & 0o777 == 0o755
    finally:
        service.run("stop")
        put_back(logs, kept)
        shutil.rmtree(ELSEWHERE)


def test_it_may_have_a_folder_of_its_own(project: Project) -> None:
    """Which root neither reads nor writes, so that it is no reason to refuse."""
    own = project.path / "var" / "uploads"
    own.mkdir()
    (own / "env").symlink_to("/etc")
    os.chown(own, run_user().uid, run_user().gid)
    service = Service(project)
    try:
        started = service.run("start")
        assert started.returncode == 0, started.stderr
    finally:
        service.run("stop")
        shutil.rmtree(own)


def test_directives_that_others_can_write_are_not_read(project: Project) -> None:
    """They may have Apache, which is root then, run a program."""
    own = project.path / "own"
    own.mkdir()
    LEFT_BEHIND.unlink(missing_ok=True)
    with given_to(NOBODY, own):
        as_nobody(f"echo 'CustomLog \"|/bin/touch {LEFT_BEHIND}\" common' > {own}/apache.conf")
        for verb in ("start", "reload", "serve"):
            refused = project.call("./run", verb, APACHE_INCLUDE="own/apache.conf")
            assert refused.returncode == 1
            assert verb == "reload" or "Root does not run this project" in said(refused)
    assert not LEFT_BEHIND.exists()
    shutil.rmtree(own)


# --- What remedies open


def test_a_link_to_a_secret_is_no_reason_to_open_it(project: Project) -> None:
    links = [project.package / "static" / "x", project.package / "settings"]
    for link in links:
        link.symlink_to("../../.env" if link.name == "x" else "../.env")
    (project.package / ".secret").touch(mode=0o600)
    service = Service(project)
    try:
        refused = service.run("start")
        assert f"{links[0]} is a link to {project.path / '.env'}." in said(refused)
        assert "chmod" not in said(refused)
        links[0].unlink()
        started = service.run("start")
        assert started.returncode == 0, started.stderr
    finally:
        service.run("stop")
        for path in (*links, project.package / ".secret"):
            path.unlink(missing_ok=True)


TELLS = """
import json, os, stat
for _descriptor in range(3, 64):
    try:
        if stat.S_ISFIFO(os.fstat(_descriptor).st_mode):
            os.write(_descriptor, json.dumps(WHAT).encode() + b"\\n")
    except OSError:
        pass
os._exit(0)
"""
PIPED = f'/tmp"\nCustomLog "|/usr/bin/touch {LEFT_BEHIND}" common\nDefine OWNED "'
TOLD = {
    "a line of configuration": {"loaded": {"static_folder": PIPED, "static_url": "/static"}},
    "a pattern": {"loaded": {"static_folder": "/etc", "static_url": "/static|/"}},
    "other types": {"loaded": {"static_folder": 1, "is_alive_at": []}, "binds": 5, "names": 7},
    "other names": {"loaded": {"more": 1}},
    "no names": [1, 2],
}


@pytest.mark.parametrize("name", TOLD)
def test_what_the_application_tells_when_it_is_tried_is_looked_at(
    project: Project, name: str
) -> None:
    """It runs as its user, and what it tells goes into the configuration that root's Apache reads."""
    LEFT_BEHIND.unlink(missing_ok=True)
    init = project.package / "__init__.py"
    before = init.read_text()
    init.write_text(TELLS.replace("WHAT", repr(TOLD[name])) + before)
    try:
        done = project.call("./run", "start", START_LIMIT="60")
        project.call("./run", "stop")
        assert not LEFT_BEHIND.exists()
        assert done.returncode == 1
        assert "app-exits" in done.stderr
    finally:
        init.write_text(before)
