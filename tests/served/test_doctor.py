"""`./run doctor` on projects that are well, and on ones that lack or have something."""

import json
import os
import pty
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import Built
from serving import Project, free_port, generate, survivors

from flask_modwsgi.machine import capacity
from flask_modwsgi.problems import systems

pytestmark = pytest.mark.slow

CANARY = 'ca-na"ry \\ ünd 4242'
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def rows(project: Project, *words: str, **env: str) -> dict[str, dict[str, Any]]:
    """What `./run doctor` says, by the name of the check."""
    done = project.call(*(words or ("./run",)), "doctor", "--json", **env)
    assert "Traceback" not in done.stderr, done.stderr
    found = json.loads(done.stdout)
    checks = {row["check"]: row for row in found["checks"]}
    assert found["ok"] == (done.returncode == 0) == (not slugs(checks))
    return checks


def slugs(checks: dict[str, dict[str, Any]]) -> list[str]:
    return [row["problem"]["problem"] for row in checks.values() if row["problem"]]


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The problem a verb ended with, called with --json."""
    assert done.returncode == 1, done.stdout
    problem: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    return problem


CONF = ".venv/lib/python*/site-packages/flask_modwsgi/apache/conf/main.conf"


@pytest.fixture(scope="module")
def port() -> str:
    return str(free_port())


@pytest.fixture(scope="module")
def well(built: Built, kind: str, workplace: Path, port: str) -> Iterator[Project]:
    """A project without a fault, that listens on a free port."""
    project = generate(workplace / "doctor", f"apache={kind}")
    project.add_views()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORT", port)
        yield project


@contextmanager
def edited(file: Path, change: Callable[[str], str]) -> Iterator[None]:
    before = file.read_text("utf-8")
    status = file.stat()
    file.write_text(change(before), "utf-8")
    try:
        yield
    finally:
        file.write_text(before, "utf-8")
        os.utime(file, (status.st_atime, status.st_mtime))


@contextmanager
def renamed(path: Path) -> Iterator[Path]:
    away = path.rename(path.with_name(f"{path.name}-away"))
    try:
        yield away
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        away.rename(path)


@contextmanager
def owned_by_nobody(project: Project) -> Iterator[None]:
    subprocess.run(["chown", "-R", "65534:65534", project.path], check=True)
    try:
        yield
    finally:
        subprocess.run(["chown", "-R", "0:0", project.path], check=True)


def as_nobody(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./run", *words],
        cwd=project.path,
        env=os.environ | {"HOME": "/nonexistent"},
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
    )


def assert_well(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert not re.search(r"^.{16}(problem|skipped) ", done.stdout, re.MULTILINE), done.stdout
    assert ", 0 problems, in " in done.stdout.splitlines()[-1]


# False alarms


def test_nothing_is_wrong_where_nothing_runs(well: Project) -> None:
    """And finding that out takes no longer than to import Flask ten times."""

    def seconds(*words: str) -> float:
        """Of the processor, at best."""
        taken = []
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = well.call(*words)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert done.returncode == 0, done.stdout + done.stderr
            taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(taken)

    assert_well(well.call("./run", "doctor"))
    assert seconds("./run", "doctor") < 10 * seconds(".venv/bin/python", "-c", "import flask")


def test_nothing_is_wrong_while_it_serves_below_a_path(well: Project, port: str) -> None:
    assert well.call("./run", "start", MOUNT_POINT="/app").returncode == 0
    try:
        done = well.call("./run", "doctor", MOUNT_POINT="/app")
        assert_well(done)
        assert f"{port}, served by process" in done.stdout
    finally:
        well.call("./run", "stop")


def test_nothing_is_wrong_seen_through_a_link_from_elsewhere(well: Project, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(well.path)
    done = subprocess.run([link / "run", "doctor"], cwd="/", capture_output=True, text=True)
    assert_well(done)


@needs_root
def test_nothing_is_wrong_for_an_ordinary_user_but_root_is_warned(well: Project) -> None:
    with owned_by_nobody(well):
        assert_well(as_nobody(well, "doctor"))
        assert as_nobody(well, "start").returncode == 0
        try:
            assert_well(as_nobody(well, "doctor"))
        finally:
            as_nobody(well, "stop")
        warned = well.call("./run", "doctor")
        assert warned.returncode == 1
        told = f"Root does not run this project: others can change {well.path.resolve()}."
        assert told in warned.stderr


@needs_root
def test_another_user_is_told_that_it_may_not_see_more(well: Project) -> None:
    assert well.call("./run", "start").returncode == 0
    try:
        looked = as_nobody(well, "status")
        assert looked.returncode == 4
        assert looked.stdout.startswith("State     unknown\nNote      root started it; only root")
        again = as_nobody(well, "start")
        assert (again.returncode, "already running" in again.stderr) == (0, True)
        for verb in ("reload", "restart", "dump", "stop"):
            refused = as_nobody(well, verb)
            assert "Problem  not-permitted" in refused.stderr
            assert f"Type     {systems.ask_for('root', f'./run {verb}')}" in refused.stderr
        checked = as_nobody(well, "doctor")
        assert "you may not read" in checked.stdout
        assert "check-failed" not in checked.stdout
    finally:
        assert well.call("./run", "stop").returncode == 0


# What the owner of the project wrote


@pytest.mark.parametrize(
    ("name", "value", "slug"),
    [
        ("PORT", "80x", "setting-invalid"),
        ("HOST", "192.0.2.1", "address-unusable"),
        ("FLASK_SECRET_KEY", "short", "secret-weak"),
        ("FLASK_DEBUG", "1", "debug-on"),
        ("TZ", "Europe/Berlim", "timezone-unknown"),
    ],
)
def test_a_variable_that_cannot_be(well: Project, name: str, value: str, slug: str) -> None:
    checks = rows(well, **{name: value})
    assert slugs(checks) == [slug]
    if name == "PORT":  # what needs the settings says so, and does not repeat the problem
        assert checks["port"]["value"] == "because of settings"
    (problem,) = (row["problem"] for row in checks.values() if row["problem"])
    assert value in problem["what"] or name == "FLASK_SECRET_KEY"
    assert "short" not in json.dumps(checks) or name != "FLASK_SECRET_KEY"


def test_a_run_user_that_does_not_exist(well: Project) -> None:
    if os.geteuid() != 0:
        pytest.skip("RUN_USER is for root")
    assert slugs(rows(well, RUN_USER="nosuchuser")) == ["run-user-invalid"]


def test_a_taken_port_is_named_with_one_that_is_free(well: Project, port: str) -> None:
    with socket.create_server(("127.0.0.1", int(port))):
        checks = rows(well)
        assert slugs(checks) == ["port-in-use"]
        assert port in checks["port"]["problem"]["what"]
        assert told(well.call("./run", "start", "--json"))["problem"] == "port-in-use"


@needs_root
@pytest.mark.parametrize("names", [("apache", "log"), ("log",), ("apache", "data")])
def test_what_root_left_is_named_with_a_command_that_works(
    well: Project, names: tuple[str, ...]
) -> None:
    """Root has served the project once; then it is given to somebody, but for some of it."""
    started = well.call("./run", "start")
    assert started.returncode == 0, started.stderr
    well.call("./run", "stop")
    (kept := well.path / "var" / "data" / "kept").touch()
    with owned_by_nobody(well):
        left = [str(well.path / "var" / name) for name in names]
        subprocess.run(["chown", "-R", "0:0", *left], check=True)
        problem = told(as_nobody(well, "start", "--json"))
        assert problem["problem"] == "left-by-another"
        assert all(path in problem["what"] for path in left)
        mine, *anew = problem["type"]
        own = f"chown -Rh $(id -un): {' '.join(left)}"
        assert mine in (f"sudo {own}", f'su root -c "{own}"')
        if "data" in names:  # which no start makes again
            assert anew == []
            given = own.replace("$(id -un)", pwd.getpwuid(65534).pw_name)
            subprocess.run(given, shell=True, check=True)
        else:
            (rename,) = anew
            subprocess.run(rename, shell=True, check=True, user=65534, group=65534, extra_groups=[])
        assert kept.exists()
        started = as_nobody(well, "start")
        assert started.returncode == 0, started.stderr
        assert as_nobody(well, "stop").returncode == 0
        for path in well.path.glob("var/*.[0-9]*"):
            shutil.rmtree(path)
    kept.unlink()


def test_an_env_file_everybody_can_read(well: Project) -> None:
    (well.path / ".env").chmod(0o644)
    try:
        checks = rows(well)
        assert slugs(checks) == ["env-file-exposed"]
        (remedy,) = checks[".env"]["problem"]["type"]
        subprocess.run(remedy, shell=True, check=True)
        assert slugs(rows(well)) == []
    finally:
        (well.path / ".env").chmod(0o600)


def test_a_wsgi_file_without_an_application(well: Project) -> None:
    file = well.path / "hello_flask.wsgi"
    with edited(file, lambda text: text.replace("application", "app")):
        assert slugs(rows(well)) == ["app-nameless"]
        assert told(well.call("./run", "--json", "start"))["problem"] == "app-nameless"
    with edited(file, lambda text: "def"):
        assert "is not valid Python" in rows(well)[".wsgi file"]["problem"]["what"]
    with renamed(file):
        assert slugs(rows(well)) == ["wsgi-file-wrong"]


@pytest.mark.parametrize(
    ("line", "slug"),
    [
        ("def (", "app-broken"),
        ("import nothing_like_it", "package-missing"),
        ("raise SystemExit", "app-exits"),
    ],
)
def test_an_application_that_cannot_be_loaded(well: Project, line: str, slug: str) -> None:
    with edited(well.package / "views.py", lambda text: f"{text}{line}\n"):
        assert slugs(rows(well)) == [slug]
        assert told(well.call("./run", "start", "--json"))["problem"] == slug
        assert rows(well, PORT="80x")["application"]["value"] == "because of settings"


def test_an_application_that_needs_its_folder(well: Project) -> None:
    """A start makes it where it is missing, so that is no fault of the application."""
    write = "from flask import Flask\nopen(Flask(__name__).instance_path + '/x', 'w').close()\n"
    shutil.rmtree(well.path / "var/data")
    with edited(well.package / "views.py", lambda text: text + write):
        assert slugs(rows(well)) == []


def test_a_broken_pyproject(well: Project) -> None:
    with edited(well.path / "pyproject.toml", lambda text: "[project\n"):
        assert "pyproject-broken" in slugs(rows(well))
        assert told(well.call("./run", "start", "--json"))["problem"] == "pyproject-broken"


def test_requirements_that_changed_since_setup(well: Project) -> None:
    file = well.path / "requirements.txt"
    with edited(file, lambda text: re.sub(r"(?m)^blinker==\S+", "blinker==1.2.3", text)):
        checks = rows(well)
        assert slugs(checks) == ["packages-differ"]
        assert "requirements.txt, or what it includes, has changed" in json.dumps(checks)


def test_a_package_that_is_missing(well: Project) -> None:
    (folder,) = well.path.glob(".venv/lib/python*/site-packages")
    (record,) = folder.glob("python_dotenv-*.dist-info")
    with renamed(folder / "dotenv"), renamed(record):
        checks = rows(well)
        assert slugs(checks) == ["packages-differ"]
        assert "python-dotenv is missing" in checks["packages"]["problem"]["what"]
        assert checks["settings"]["value"] == "needs dotenv, which setup installs"
        assert told(well.call("./run", "start", "--json"))["problem"] == "packages-differ"
        assert well.call("./run", "doctor", "--report").returncode == 1


# What moved or was upgraded


def test_a_moved_project(well: Project) -> None:
    moved = well.path.rename(f"{well.path}-moved")
    try:
        there = Project(moved, "", 0)
        checks = rows(there)
        assert slugs(checks) == ["project-moved"]
        assert str(well.path) in checks["environment"]["problem"]["what"]
        for verb in ("start", "serve", "reload"):
            problem = told(there.call("./run", verb, "--json"))
            assert (problem["problem"], problem["type"]) == ("project-moved", ["./run setup"])
    finally:
        moved.rename(well.path)


def test_no_environment_at_all(well: Project) -> None:
    with renamed(well.path / ".venv"):
        checks = rows(well)
        assert "not-set-up" in slugs(checks)
        assert checks["Apache"]["value"] == "because of environment"
        assert "build tools" in checks  # because there is something to build
        assert told(well.call("./run", "start", "--json"))["problem"] == "not-set-up"
        done = well.call("./run", "doctor", "--report")
        assert (done.returncode, done.stderr) == (1, "")


def test_a_python_that_is_gone(well: Project) -> None:
    python = well.path / ".venv" / "bin" / "python"
    with renamed(python):
        python.symlink_to("/nonexistent/python3")
        try:
            checks = rows(well)
            assert slugs(checks)[0] == "python-gone"
            assert told(well.call("./run", "start", "--json"))["problem"] == "python-gone"
        finally:
            python.unlink()


def other_python(version: str) -> Path | None:
    """A Python of another minor version than this one, such as 3.13.5."""
    places = [*Path("/usr/bin").glob("python3.1?"), *Path("/usr/local/bin").glob("python3.1?")]
    own = Path(pwd.getpwuid(os.geteuid()).pw_dir)  # HOME is a folder of the tests
    places += own.glob(".pyenv/versions/3.1?.*/bin/python3")
    mine = int(version.split(".")[1])
    for place in places:
        said = subprocess.run([place, "-V"], capture_output=True, text=True).stdout
        found = re.match(r"Python 3\.(\d+)", said)
        if found and 11 <= int(found[1]) != mine:
            return place
    return None


def test_a_python_of_another_version(well: Project) -> None:
    """What an upgrade of the system leaves: the link leads to a Python without the packages."""
    python = well.path / ".venv" / "bin" / "python"
    made = json.loads((well.path / ".venv" / "setup.json").read_text())["recipe"]["python_version"]
    other = other_python(made)
    if other is None:
        pytest.skip("there is one Python only; on Debian: apt-get install python3.13")
    with renamed(python):
        python.symlink_to(other)
        try:
            checks = rows(well)
            assert slugs(checks)[0] == "python-changed"
            assert made in checks["environment"]["problem"]["what"]
            for verb in ("start", "reload"):
                problem = told(well.call("./run", verb, "--json"))
                assert problem["problem"] == "python-changed"
        finally:
            python.unlink()


@contextmanager
def another_apache(project: Project, script: str, folder: Path) -> Iterator[Path]:
    """A program in the place of the Apache that mod_wsgi was built for."""
    fake = folder / "httpd"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    (file,) = project.path.glob(".venv/lib/python*/site-packages/mod_wsgi/express/apxs_config.py")
    with edited(file, lambda text: f"{text}\nHTTPD = {str(fake)!r}\n"):
        yield fake


def test_an_apache_that_cannot_load_the_module_any_more(well: Project, tmp_path: Path) -> None:
    refuses = "module is not compatible with this version of Apache (found 20120211)"
    script = f'case $1 in -v) echo "Server version: Apache/2.9.9" ;; *) echo "{refuses}" >&2; exit 1; esac'
    with another_apache(well, script, tmp_path) as fake:
        checks = rows(well)
        assert "apache-changed" in slugs(checks)
        assert "Apache 2.9.9 does not load it" in checks["Apache"]["problem"]["what"]
        assert refuses in checks["Apache"]["problem"]["what"]
        problem = told(well.call("./run", "start", "--json"))
        assert problem["problem"] == "apache-changed"
        assert problem["type"] == ["./run setup --rebuild"]
        fake.unlink()
        assert "apache-gone" in slugs(rows(well))
        assert told(well.call("./run", "start", "--json"))["problem"] == "apache-gone"


def test_a_newer_apache_that_fits_is_no_problem(well: Project) -> None:
    record = well.path / ".venv" / "setup.json"
    older = lambda text: re.sub(r'("apache_version": )"[\d.]+"', r'\1"2.4.1"', text)  # noqa: E731
    with edited(record, older):
        checks = rows(well)
        assert slugs(checks) == []
        assert checks["Apache"]["state"] == "note"
        assert "was 2.4.1, which is compatible" in checks["Apache"]["value"]


def test_a_module_of_apache_is_missing(well: Project, tmp_path: Path) -> None:
    """In a folder with links to all of its modules but one."""
    (file,) = well.path.glob(".venv/lib/python*/site-packages/mod_wsgi/express/apxs_config.py")
    python = well.path / ".venv" / "bin" / "python"
    source = "from mod_wsgi.express.apxs_config import LIBEXECDIR as x; print(x)"
    found = subprocess.run([python, "-c", source], capture_output=True, text=True, check=True)
    for module in Path(found.stdout.strip()).glob("mod_*.so"):
        if module.name != "mod_unique_id.so":
            (tmp_path / module.name).symlink_to(module)
    with edited(file, lambda text: f"{text}\nLIBEXECDIR = {str(tmp_path)!r}\n"):
        checks = rows(well)
        assert slugs(checks) == ["apache-modules-missing"]
        assert "unique_id" in checks["modules"]["problem"]["what"]


# What the machine lacks or forbids


@needs_root
def test_a_folder_the_application_cannot_enter(well: Project) -> None:
    """What the remedy says is enough: Python lists a folder before it imports from one."""
    well.package.chmod(0o700)
    try:
        checks = rows(well)
        assert slugs(checks) == ["path-unreachable"]
        problem = checks["reach"]["problem"]
        assert f"cannot list {well.package} (drwx------)" in problem["what"]
        well.package.chmod(0o711)
        assert told(well.call("./run", "start", "--json"))["problem"] == "path-unreachable"
        subprocess.run(problem["type"][0], shell=True, check=True)
        assert well.call("./run", "start").returncode == 0
        assert well.call("./run", "stop").returncode == 0
    finally:
        well.package.chmod(0o755)


@needs_root
def test_a_python_the_application_cannot_reach(well: Project, workplace: Path) -> None:
    """Its slug is its own: the place to mend it is another one."""
    private = workplace / "private-python"
    private.mkdir(mode=0o700)
    python = well.path / ".venv" / "bin" / "python"
    target = python.resolve()
    (private / "python3").symlink_to(target)
    with renamed(python):
        python.symlink_to(private / "python3")
        try:
            checks = rows(well)
            assert slugs(checks) == ["python-unreachable"]
            assert f"cannot enter {private} (drwx------)" in checks["reach"]["problem"]["what"]
            problem = told(well.call("./run", "start", "--json"))
            assert problem["problem"] == "python-unreachable"
        finally:
            python.unlink()
            shutil.rmtree(private)


def can_mount() -> bool:
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return (
        bool(shutil.which("unshare"))
        and subprocess.run(command, capture_output=True).returncode == 0
    )


def other_disk(options: str) -> str:
    """The command that puts ``var`` on another disk, but for the environment in it."""
    return (
        f"mount --bind var/env /mnt; mount -t tmpfs -o {options} none var;"
        " mkdir var/env; mount --bind /mnt var/env"
    )


@pytest.mark.parametrize(
    ("mount", "slug"),
    [
        (f"{other_disk('size=64k')}; head -c 1m /dev/zero > var/filler", "disk-full"),
        (other_disk("nr_inodes=2"), "disk-full"),
        (f"{other_disk('size=1m')}; mount -o remount,ro none var", "disk-read-only"),
        ("mount --bind .venv .venv; mount -o remount,bind,noexec .venv", "mounted-noexec"),
    ],
    ids=["full", "no inodes", "read-only", "noexec"],
)
def test_a_disk_that_is_full_or_forbids_something(well: Project, mount: str, slug: str) -> None:
    if os.geteuid() != 0 or not can_mount():
        pytest.skip("mounting takes root and unshare (util-linux)")
    words = ("unshare", "--mount", "sh", "-c", f'{mount}; exec ./run "$@"', "run")
    checks = rows(well, *words)
    assert slugs(checks)[0] == slug
    assert told(well.call(*words, "start", "--json"))["problem"] == slug


def test_a_disk_that_will_soon_be_full_is_a_problem_of_doctor_only(well: Project) -> None:
    if os.geteuid() != 0 or not can_mount():
        pytest.skip("mounting takes root and unshare (util-linux)")
    mount = f'{other_disk("size=20m")}; exec ./run "$@"'
    words = ("unshare", "--mount", "sh", "-c", mount, "run")
    checks = rows(well, *words)
    assert slugs(checks) == ["disk-full"]
    assert "20 MB are free" in checks["disk"]["problem"]["what"]
    assert told(well.call(*words, "reload", "--json"))["problem"] == "not-running"


@needs_root
def test_a_var_that_belongs_to_somebody_else(well: Project) -> None:
    done = as_nobody(well, "doctor", "--json")
    found = {row["check"]: row for row in json.loads(done.stdout)["checks"]}
    assert "folder-unwritable" in slugs(found)
    assert "owned by root" in found["writable"]["problem"]["what"]
    assert "Traceback" not in done.stderr


def test_too_few_open_files(well: Project) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))

    done = subprocess.run(
        ["./run", "doctor"], cwd=well.path, capture_output=True, text=True, preexec_fn=limit
    )
    assert done.returncode == 1
    assert "Problem  limit-too-low" in done.stdout
    assert "256 open files" in done.stdout
    done = subprocess.run(
        ["./run", "start"], cwd=well.path, capture_output=True, text=True, preexec_fn=limit
    )
    assert (done.returncode, "limit-too-low" in done.stderr) == (1, True)


@pytest.mark.skipif(
    not hasattr(psutil.Process, "rlimit"), reason="no process tells its limits on this system"
)
def test_a_low_soft_limit_of_open_files_is_raised(well: Project) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("no process may open 4096 files here; ulimit -Hn says how many")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4096))

    done = subprocess.run(
        ["./run", "start"], cwd=well.path, capture_output=True, text=True, preexec_fn=limit
    )
    try:
        assert done.returncode == 0, done.stderr
        apache = json.loads((well.path / "var/apache/state.json").read_text())["pid"]
        assert psutil.Process(apache).rlimit(psutil.RLIMIT_NOFILE) == (capacity.OPEN_FILES, 4096)
    finally:
        assert well.call("./run", "stop").returncode == 0


def test_a_clock_that_is_behind(well: Project) -> None:
    record = well.path / ".venv" / "setup.json"
    status = record.stat()
    os.utime(record, (time.time() + 10**8, time.time() + 10**8))
    try:
        assert slugs(rows(well)) == ["clock-wrong"]
    finally:
        os.utime(record, (status.st_atime, status.st_mtime))


def test_processes_that_a_killed_apache_left(well: Project) -> None:
    assert well.call("./run", "start").returncode == 0
    parent = psutil.Process(json.loads(well.call("./run", "status", "--json").stdout)["pid"])
    parent.send_signal(signal.SIGKILL)
    assert survivors([parent], 5) == []
    try:
        checks = rows(well)
        assert slugs(checks) == ["orphans-left"]
    finally:
        assert well.call(*checks["leftovers"]["problem"]["type"][0].split()).returncode == 0
    assert slugs(rows(well)) == []


# The report, and Apache alone


def test_the_report_has_what_an_issue_needs_and_no_secret(well: Project) -> None:
    """Whether a secret stands in settings, in logs, in an address, escaped or not."""
    log = well.path / "var" / "log"
    log.mkdir(parents=True, exist_ok=True)
    spelt = [CANARY, json.dumps(CANARY), repr(CANARY), "ca-na%22ry%20%5C%20%C3%BCnd%204242"]
    spelt += [r"ca-na\"ry \\ \xc3\xbcnd 4242", "ca-na%22ry+%5C+%C3%BCnd+4242"]
    lines = [f"[x] [wsgi:error] said {text}\n" for text in spelt]
    lines.append("postgresql://ann:hunter2000@db/blog\n")
    with (log / "error.log").open("a") as errors:
        errors.writelines(lines)
    with (log / "access.log").open("a") as access:
        access.write('1.2.3.4 - - [x] "GET /reset?token=abcdef HTTP/1.1" 200 1 "-" "-"\n')
    env = (well.path / ".env").read_text("utf-8")
    key = re.findall(r"FLASK_SECRET_KEY=(\w{64})", env)[0]
    quoted = CANARY.replace("\\", "\\\\").replace('"', '\\"')
    with edited(well.path / ".env", lambda text: f'{text}\nHARMLESS="{quoted}"\n'):
        done = well.call("./run", "doctor", "--report", CUSTOM_TOKEN="sesame-open")
        assert done.returncode == 0, done.stdout + done.stderr
        file = well.path / "var" / "report.txt"
        text = file.read_text("utf-8")
        assert str(file) in done.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    for secret in ("4242", "ca-na", key, "hunter2000", "abcdef", "sesame-open"):
        assert secret not in text, secret
    assert text.count("said ********") + text.count('said "********"') >= len(spelt) - 1
    assert re.search(r"^HARMLESS +\*{8} \(\d+ characters\)$", text, re.MULTILINE)
    parts = text.split("\n== ")
    assert [part.split(" ==")[0] for part in parts[1:]] == [
        *("Checks", "Versions", "Settings", "Permissions", "Components", "Libraries"),
        *("Apache", "Setup", "Errors", "Requests", "Fault"),
    ]
    assert "not possible" not in text
    components = {line.split()[0]: line.split()[1:] for line in parts[5].splitlines()[1:] if line}
    for name in ("httpd", "apr", "apr-util", "pcre2"):
        assert re.fullmatch(r"\d[\d.]+", components[name][0]), parts[5]
    if found := components.get("openssl"):  # it says so in its file, too
        crypto = Path(found[1].replace("libssl", "libcrypto"))
        assert f"OpenSSL {found[0]} ".encode() in crypto.read_bytes()
    apache = parts[7]
    assert " wsgi_module (shared)" in apache
    assert "Listen 127.0.0.1:" in apache and "WSGIDaemonProcess" in apache
    assert f"drwxr-xr-x 0:0 {well.path}\n" in parts[4] or os.geteuid() != 0
    assert "libpython3" in parts[6] or shutil.which("ldd") is None
    assert re.search(r"^mod-wsgi(-standalone)?==", parts[2], re.MULTILINE)
    assert "Apache/2.4" in parts[2]


def test_a_report_leaves_no_secret_where_apache_refuses_its_configuration(well: Project) -> None:
    own = well.path / "own.conf"
    own.write_text("Nonsense on\n")
    try:
        well.call("./run", "doctor", "--report", APACHE_INCLUDE=own.name)
    finally:
        own.unlink()
    text = (well.path / "var" / "report.txt").read_text("utf-8")
    assert "(not possible: server-failed: " in text and "Nonsense" in text
    assert not (well.path / "var" / "report").exists()


def test_apache_alone_works(well: Project) -> None:
    done = well.call("./run", "doctor", "--hello")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Apache works")


def test_it_is_the_application(well: Project) -> None:
    with edited(well.package / "views.py", lambda text: f"import nonexistent_module\n{text}"):
        done = well.call("./run", "doctor", "--hello")
    assert done.returncode == 1
    assert "the fault is in the application" in done.stdout
    assert "package-missing" in done.stderr and "nonexistent_module" in done.stderr


def test_it_is_apache(well: Project) -> None:
    with edited(next(well.path.glob(CONF)), lambda text: f"Nonsense on\n{text}"):
        done = well.call("./run", "doctor", "--hello")
    assert done.returncode == 1
    assert "Apache works" not in done.stdout
    assert "apache-broken" in done.stderr and "Nonsense" in done.stderr


def test_problems_are_coloured_on_a_terminal_only(well: Project) -> None:
    def seen(**env: str) -> str:
        ours, theirs = pty.openpty()
        words = ["./run", "start"]
        subprocess.run(words, cwd=well.path, env=os.environ | {"PORT": "x"} | env, stderr=theirs)
        os.close(theirs)
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            return terminal.read(4096).decode()

    assert "\033[1;31msetting-invalid\033[0m" in seen(TERM="xterm")
    for env in ({"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}):
        assert "\033[" not in seen(**env)
    assert "\033[" not in well.call("./run", "start", PORT="x", TERM="xterm").stderr
