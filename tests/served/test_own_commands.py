"""./run flask, ./run exec, and the folder that the application writes to."""

import json
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Project, ask, free_port, generate, path_with_uv, running, wait_for

VIEWS = """

import sqlite3
from pathlib import Path

import click


@bp.get("/notes")
def notes() -> str:
    with sqlite3.connect(Path(current_app.instance_path, "notes.db")) as db:
        db.execute("create table if not exists note (text)")
        db.execute("insert into note values ('from Apache')")
        return str(db.execute("select count(*) from note").fetchone()[0])


@bp.get("/home")
def home() -> Any:
    Path.home().joinpath("cache").write_text("kept")
    return {name: os.environ.get(name) for name in ("HOME", "USER", "LOGNAME", "PATH")}


@bp.cli.command("note")
@click.argument("text")
@click.option("--json", is_flag=True)
def note(text: str, json: bool) -> None:
    with sqlite3.connect(Path(current_app.instance_path, "notes.db")) as db:
        db.execute("create table if not exists note (text)")
        db.execute("insert into note values (?)", [text])
    click.echo(f"{text} {json} {os.geteuid()} {Path.cwd()} {os.environ['GREETING']}")
    raise SystemExit(7)
"""

LIBRARY = """

import ctypes
import sys

library = ctypes.CDLL("libanswer.so")
assert not sys.flags.optimize, "python -O removes this line"


@bp.get("/answer")
def answer() -> str:
    return f"{library.answer()} {sys.flags.optimize}"
"""


@pytest.fixture(scope="module")
def own(workplace: Path, kind: str) -> Iterator[Project]:
    project = generate(workplace / "own", f"apache={kind}", PATH=path_with_uv())
    project.add_views()
    with (project.package / "views.py").open("a") as views:
        views.write(VIEWS)
    with (project.path / ".env").open("a") as env:
        env.write("\nGREETING=hello\n")
    yield project
    shutil.rmtree(project.path)


def run_user(project: Project) -> int:
    return (project.path / "var/data").stat().st_uid


def test_the_folder_is_the_run_users_alone(own: Project) -> None:
    status = (own.path / "var/data").stat()
    assert stat.S_IMODE(status.st_mode) == 0o700
    assert status.st_uid != 0
    assert (own.path / "instance").resolve() == own.path / "var/data"
    code = "import flask; print(flask.Flask('click').instance_path)"  # an installed one
    done = own.call("./run", "exec", "--", "python", "-c", code)
    assert Path(done.stdout.strip()).resolve() == own.path / "var/data/click-instance"


def test_a_command_and_apache_write_one_database(own: Project) -> None:
    done = own.call("./run", "flask", "pages", "note", "typed", "--json")
    assert done.stdout == f"typed True {run_user(own)} {own.path} hello\n", done.stderr
    assert done.returncode == 7
    with running(own) as server:
        assert ask(f"{server.url}/notes").text == "2"
        assert ask(f"{server.url}/notes").text == "3"
    database = own.path / "var/data/notes.db"
    assert database.stat().st_uid == run_user(own)


def test_the_home_is_one_that_can_be_written(own: Project) -> None:
    with running(own) as server:
        found = json.loads(ask(f"{server.url}/home").text)
    account = pwd.getpwuid(run_user(own))
    done = own.call("./run", "exec", "--", "sh", "-c", 'echo "$HOME $USER $LOGNAME $PATH"')
    if os.geteuid() == 0:
        assert found["USER"] == found["LOGNAME"] == account.pw_name
        assert found["HOME"] == str(own.path / "var/data")
        assert (own.path / "var/data/cache").read_text() == "kept"
    Path(found["HOME"], "cache").unlink()  # an ordinary user's is that of all tests
    assert found["PATH"].split(":")[0] == str((own.path / ".venv").resolve() / "bin")
    assert done.stdout.split() == [found[n] for n in ("HOME", "USER", "LOGNAME", "PATH")]


def test_apache_and_its_rehearsal_have_one_environment(own: Project) -> None:
    """Also what only the start of a process reads: Python's options, folders of libraries."""
    library = own.path / "lib" / "libanswer.so"
    library.parent.mkdir()
    if not shutil.which("gcc"):
        pytest.skip("needs a C compiler: apt install gcc")
    code = "int answer(void) { return 42; }"
    words = ["gcc", "-shared", "-x", "c", "-", "-o", str(library)]
    subprocess.run(words, input=code, text=True, check=True)
    env_file, views = own.path / ".env", own.package / "views.py"
    before = env_file.read_text(), views.read_text()
    views.write_text(before[1] + LIBRARY)
    env_file.write_text(f"{before[0]}LD_LIBRARY_PATH={library.parent}\nPYTHONOPTIMIZE=1\n")
    port = str(free_port())
    try:
        started = own.call("./run", "start", PORT=port)
        assert started.returncode == 0, started.stderr
        assert ask(f"http://127.0.0.1:{port}/answer").text == "42 1"
        # A shell has such variables, which mean nothing to a server.
        assert own.call("./run", "reload", PORT=port, PYTHONSTARTUP="/x").returncode == 0
        env_file.write_text(f"{before[0]}LD_LIBRARY_PATH=/nowhere\nMALLOC_ARENA_MAX=2\nPYTHON=3\n")
        refused = own.call("./run", "reload", PORT=port)
        told = " ".join(refused.stderr.split())
        assert (
            f"Changed since the start: LD_LIBRARY_PATH (was {library.parent}, is now /nowhere),"
            " MALLOC_ARENA_MAX (was unset, is now 2), PYTHONOPTIMIZE (was 1, is now unset)."
        ) in told
        assert ask(f"http://127.0.0.1:{port}/answer").text == "42 1"
    finally:
        own.call("./run", "stop")
        env_file.write_text(before[0])
        views.write_text(before[1])


def test_any_program_with_its_input_and_status(own: Project) -> None:
    code = "import os, sys, flask; print(os.geteuid(), sys.stdin.read()); sys.exit(3)"
    done = subprocess.run(
        [own.path / "run", "exec", "--", "python", "-c", code],
        cwd="/",
        input="typed",
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == (f"{run_user(own)} typed\n", 3), done.stderr


CHILD = """import subprocess, sys
subprocess.run([sys.executable, "-c", "import dotenv; print(dotenv.dotenv_values('.env')['GREETING'])"])"""


@pytest.mark.parametrize(
    "code",
    [
        "import dotenv; dotenv.load_dotenv(); print(dotenv.get_key('.env', 'GREETING'))",
        CHILD,
        "from dotenv.main import DotEnv; print(DotEnv('.env').dict()['GREETING'])",
    ],
)
def test_a_program_may_read_the_settings_by_itself(own: Project, code: str) -> None:
    """Root's .env is root's alone."""
    done = own.call("./run", "exec", "--", "python", "-c", code)
    assert done.stdout == "hello\n", done.stderr


def test_a_signal_ends_the_program_itself(own: Project) -> None:
    done = own.call("./run", "exec", "--", "sh", "-c", "kill -TERM $$")
    assert done.returncode == -15
    piped = own.call("./run", "exec", "--", "sh", "-c", "(yes; echo $? >&2) | head -n 1")
    assert "141" in piped.stderr  # SIGPIPE, as in a shell


def test_what_cannot_be_run(own: Project) -> None:
    for words in (["exec"], ["exec", "--", "no-such-program"]):
        done = own.call("./run", *words)
        assert done.returncode == 2
        assert "Example: ./run exec -- python" in done.stderr
    assert "no-such-program" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", ["flask routes", "flask", "exec -- flask routes", "exec -- flask pages note x"]
)
def test_an_application_that_cannot_be_loaded_is_told_of_as_at_a_start(
    own: Project, words: str
) -> None:
    views = own.package / "views.py"
    before = views.read_text()
    views.write_text(f"{before}\ndef broken(:\n")
    try:
        started, done = own.call("./run", "start"), own.call("./run", *words.split())
    finally:
        views.write_text(before)
    # On a busy machine, a start also says that it waits.
    problem, as_at_a_start = (
        one.stderr[one.stderr.index("Problem  app-broken") :] for one in (done, started)
    )
    assert (done.returncode, problem) == (1, as_at_a_start)


def test_flask_without_words_lists_the_commands(own: Project) -> None:
    done = own.call("./run", "flask", "--", "--help")
    assert "routes" in done.stdout
    assert "Usage: ./run flask" in done.stdout
    assert own.call("./run", "flask", "routes").stdout.count("/notes") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_root_gives_the_folder_back_and_follows_no_link(own: Project, tmp_path: Path) -> None:
    data, user = own.path / "var/data", run_user(own)
    os.chown(data, 0, 0)
    own.call("./run", "exec", "--", "true")
    assert data.stat().st_uid == user
    kept = data.rename(data.with_name("kept"))
    data.symlink_to(tmp_path)
    try:
        own.call("./run", "exec", "--", "true")
        assert tmp_path.stat().st_uid == 0
    finally:
        data.unlink()
        kept.rename(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
@pytest.mark.parametrize("spoil", ["write only", "no folder"])
def test_a_database_of_another_user_is_explained_and_given_back(own: Project, spoil: str) -> None:
    data = own.path / "var/data"
    own.call("./run", "flask", "pages", "note", "typed")
    (own.path / "var/log/error.log").unlink(missing_ok=True)
    assert own.call("./run", "start", PORT=str(free_port())).returncode == 0
    try:
        url = json.loads(own.call("./run", "status", "--json").stdout)["address"].rstrip("/")
        os.chown(data / "notes.db", 0, 0)
        if spoil == "no folder":
            os.chown(data, 0, 0)
        assert ask(f"{url}/notes").status == 500

        def explained() -> str:
            text = own.call("./run", "explain").stdout
            return text if "database-unwritable" in text else ""

        advice = re.findall(r"chown -Rh .*", wait_for(explained, 10, "the log"))[0]
        subprocess.run(advice, shell=True, check=True)
        assert ask(f"{url}/notes").status == 200
    finally:
        own.call("./run", "stop")
