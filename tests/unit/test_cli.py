"""The command line: verbs, options, help, and what is said of those that do not exist."""

import importlib
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, TEMPLATE
from samples import project

from flask_modwsgi import __version__, problems
from flask_modwsgi.cli import command_line
from flask_modwsgi.cli.main import is_project, main
from flask_modwsgi.cli.verbs import VERBS, Verb
from flask_modwsgi.config import settings
from flask_modwsgi.config.project import Project as SiteProject
from flask_modwsgi.doctor import check_trust
from flask_modwsgi.problems.catalogue import CATALOGUE
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import debugging, foreground
from flask_modwsgi.setup import environments

NAMES = [verb.name for verb in VERBS]
TAKING_SETTINGS = [verb.name for verb in VERBS if verb.takes_settings]


def run(*words: str, code: str = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The command with the standard library alone, as before anything is installed."""
    code = (
        code or "from flask_modwsgi.cli.main import is_project, main; sys.exit(main(sys.argv[1:]))"
    )
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); {code}"
    return subprocess.run(
        [sys.executable, "-B", "-I", "-S", "-c", code, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80"},
    )


def helped(capsys: pytest.CaptureFixture[str], *words: str, prog: str = "./run") -> str:
    """What is printed by words that ask for help."""
    with pytest.raises(SystemExit) as end:
        command_line.read(words, prog)
    assert end.value.code in (0, None)
    return capsys.readouterr().out


def refused(*words: str, prog: str = "./run") -> Problem:
    """What is said of words that are wrong."""
    with pytest.raises(Problem) as wrong:
        command_line.read(words, prog)
    assert wrong.value.slug == "command-wrong"
    return wrong.value


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_has_a_help_that_fits(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = helped(capsys, name, "--help")
    assert text == helped(capsys, "help", name) == helped(capsys, name, "-h")
    assert text.startswith(f"usage: ./run {name} ")
    lines = text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert ("Every setting is also an option" in text) == (name in TAKING_SETTINGS)


def test_the_help_has_every_verb_and_fits(capsys: pytest.CaptureFixture[str]) -> None:
    text = helped(capsys, "--help")
    assert text == helped(capsys, "help") == helped(capsys, "-h") == helped(capsys, "help", "help")
    lines = text.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == NAMES
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.example])
def test_the_example_of_a_verb_is_possible(verb: Verb) -> None:
    read, _ = command_line.read(verb.example.split(), "./run")
    assert read == verb


@pytest.mark.parametrize("verb", VERBS, ids=NAMES)
def test_the_function_of_a_verb_takes_its_options(verb: Verb) -> None:
    _, options = command_line.read([verb.name], "./run")
    module, _, name = verb.function.partition(":")
    function = getattr(importlib.import_module(f"flask_modwsgi.{module}"), name)
    given = options | ({"as_json": True} if verb.prints_json else {})
    signature = inspect.signature(function)
    signature.bind(object(), **given)
    assert set(signature.parameters) == {"project", *given}


def test_the_version() -> None:
    assert run("--version").stdout == f"flask-modwsgi {__version__}\n"


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ('made_with = "0.9.1"\n', "This project was made with flask-modwsgi 0.9.1.\n"),
        ("", ""),
        ("made_with = 5\n", ""),
    ],
)
def test_the_version_in_a_project(tmp_path: Path, own: str, told: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.flask-modwsgi]\n{own}")
    assert run("--version", cwd=tmp_path).stdout == f"flask-modwsgi {__version__}\n{told}"


def test_serve_is_the_default_verb() -> None:
    assert command_line.read([], "./run")[0].name == "serve"


@pytest.mark.parametrize("words", [[], *([name] for name in TAKING_SETTINGS)])
def test_every_setting_is_an_option(words: list[str]) -> None:
    spelt = {name: f"--{name.lower().replace('_', '-')}" for name in settings.NAMES}
    given = [f"{spelling}=1" for spelling in spelt.values()]
    verb, options = command_line.read([*words, *given], "./run")
    assert options["given"] == dict.fromkeys(settings.NAMES, "1")
    assert verb.name == (words[0] if words else "serve")


@pytest.mark.parametrize("words, port", [([], 5678), (["9000"], 9000), (["0"], 0), (["x"], 0)])
def test_the_port_of_the_debugger(words: list[str], port: int) -> None:
    if port:
        assert command_line.read(["dev", "--debugger", *words], "./run")[1]["debugger"] == port
    else:
        with pytest.raises(Problem, match="a number from 1 to 65535"):
            command_line.read(["dev", "--debugger", *words], "./run")


def test_an_editor_attaches_where_the_debugger_listens() -> None:
    [launch] = json.loads((TEMPLATE / ".vscode/launch.json").read_text("utf-8"))["configurations"]
    port = command_line.read(["dev", "--debugger"], "./run")[1]["debugger"]
    assert launch["connect"] == {"host": debugging.ADDRESS, "port": port}


def test_the_options_of_a_verb_beside_settings() -> None:
    _, options = command_line.read(["dev", "--threads", "3", "--tls", "--host=::1"], "./run")
    given = {"THREADS": "3", "HOST": "::1"}
    assert options == {"tls": True, "debugger": None, "given": given}


@pytest.mark.parametrize(
    ("words", "nearest", "example"),
    [
        ("strat", "start", "./run start"),
        ("relaod", "reload", "./run reload"),
        ("help confg", "config", "./run config"),
        ("logs --lnies 3", "--lines", "./run logs -n 100 -f"),
        ("logs --line=3", "--lines", "./run logs -n 100 -f"),
        ("setup --rebild", "--rebuild", "./run setup --apache bundled"),
        ("stop --jsn", "--json", "./run stop"),
        ("start --thread 10", "--threads", "./run start --threads 10"),
        ("--thraeds 10", "--threads", "./run --threads 10"),
    ],
)
def test_the_nearest_is_named(words: str, nearest: str, example: str) -> None:
    problem = refused(*words.split())
    assert problem.what.endswith(f"the nearest is {nearest}.")
    assert problem.remedy == (example,)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("nonsense", "There is no verb 'nonsense'."),
        ("help nonsense", "There is no verb 'nonsense'."),
        ("8000", "There is no verb '8000'."),
        ("stop now", "./run stop does not take 'now'."),
        ("start now", "./run start does not take 'now'."),
        ("stop --xyz", "./run stop has no option '--xyz'."),
        ("logs -n", "./run logs cannot run: -n/--lines: expected one argument."),
        *(
            (
                f"logs -n {text}",
                "./run logs cannot run: -n/--lines: "
                f"'{text}' is not a number of lines from 0 to 1000000.",
            )
            for text in ("-5", "x", "1.5", "٣", "9999999")
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(words: str, sentence: str) -> None:
    problem = refused(*words.split())
    assert problem.what == sentence
    command_line_of_the_remedy = problem.remedy[0].split()[1:]
    if command_line_of_the_remedy != ["help"]:
        command_line.read(command_line_of_the_remedy, "./run")


def test_a_choice_may_be_in_capital_letters() -> None:
    assert command_line.read(["setup", "--apache", "System"], "./run")[1]["apache"] == "system"


def test_a_choice_that_there_is_not() -> None:
    problem = refused("setup", "--apache", "nginx")
    assert "--apache: invalid choice: 'nginx'" in problem.what


@pytest.mark.parametrize(
    "words", [["strat"], ["x" * 300], ["logs", "-n", "1\n2"], ["setup", "--apache", "y" * 200]]
)
def test_a_wrong_command_in_a_terminal(words: list[str]) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert max(map(len, done.stderr.splitlines())) <= 80
    assert done.stderr.splitlines()[-1].startswith("Example: ./run ")
    assert "Traceback" not in done.stderr


def test_a_wrong_command_for_programs() -> None:
    done = run("logs", "--lnies", "--json")
    assert done.returncode == 2
    told = json.loads(done.stderr)
    assert told["problem"] == "command-wrong"
    assert told["type"] == ["./run logs -n 100 -f"]


def test_help_needs_nothing_installed() -> None:
    done = run("help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ./run [VERB] [OPTIONS]\n")


def test_the_console_script_is_called_by_its_name() -> None:
    code = "sys.argv[0] = '/srv/bin/flask-modwsgi'; from flask_modwsgi.cli import main; main.run()"
    assert run("help", code=code).stdout.startswith("usage: flask-modwsgi [VERB] [OPTIONS]\n")
    assert run("help", "logs", code=code).stdout.startswith("usage: flask-modwsgi logs ")
    assert "Example: flask-modwsgi start\n" in run("strat", code=code).stderr


def test_development_measures_nothing_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(Problem) as wrong:
        foreground.develop(SiteProject(tmp_path), {"METRICS_PORT": "9100"})
    assert wrong.value.remedy == ("./run --metrics-port 9100",)


@pytest.mark.parametrize("verb", ["logs", "explain", "status", "doctor"])
def test_closed_streams_are_no_obstacle(tmp_path: Path, verb: str) -> None:
    """A script or a service manager may start it without standard input, output and error."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); import flask_modwsgi.cli.main as m"
    )
    code += "; m.tell = lambda problem, as_json: print(problem.what, file=open('told', 'w'))"
    code += f"; sys.exit(m.main([{verb!r}]))"
    command = [
        "sh",
        "-c",
        'exec "$0" "$@" <&- >&- 2>&-',
        sys.executable,
        "-B",
        "-I",
        "-S",
        "-c",
        code,
    ]
    subprocess.run(command, cwd=tmp_path)
    told = tmp_path / "told"
    assert not told.exists() or "NoneType" not in told.read_text()


def test_an_empty_environment_has_a_path() -> None:
    """As under `env -i`; mod_wsgi and others read PATH without asking whether it is there."""
    code = "import os; del os.environ['PATH']; from flask_modwsgi.cli.main import main"
    done = run(code=f"{code}; main(['--version']); print(os.environ['PATH'])")
    assert done.stdout.splitlines()[-1] == os.defpath


def test_the_umask_takes_nothing_from_the_owner(tmp_path: Path) -> None:
    code = (
        "from flask_modwsgi.cli.main import main; import os; os.umask(0o777); main(['--version'])"
    )
    assert run(code=f"{code}; print(oct(os.umask(0)))").stdout.split()[-1] == "0o77"


def test_what_root_makes_is_written_by_no_group() -> None:
    """It would not trust that afterwards."""
    code = (
        "from flask_modwsgi.cli.main import main; import os; os.umask(0o002); main(['--version'])"
    )
    expected = "0o2" if os.geteuid() else "0o22"
    assert run(code=f"{code}; print(oct(os.umask(0)))").stdout.split()[-1] == expected


@pytest.mark.parametrize(
    ("typed", "remedy", "again"),
    [
        ("", "PORT=8001 ./run", "PORT=8001 ./run"),
        ("start", "PORT=8001 ./run", "PORT=8001 ./run start"),
        ("dev --tls", "TZ=UTC ./run    # or", "TZ=UTC ./run dev --tls    # or"),
        ("start --port 8000 --threads 9", "PORT=8001 ./run", "PORT=8001 ./run start --threads 9"),
        ("--port=8000", "HOST=::1 PORT=8001 ./run", "HOST=::1 PORT=8001 ./run"),
        ("flask shell -c 'a b'", "THREADS=5 ./run", "THREADS=5 ./run flask shell -c 'a b'"),
        ("restart", "ulimit -n 4096 && ./run", "ulimit -n 4096 && ./run restart"),
        ("setup", "sudo -u ann ./run", "sudo -u ann ./run setup"),
        ("logs -n 5", "su ann -c './run'", "su ann -c './run logs -n 5'"),
        (
            "exec -- echo 'a b'",
            "su ann -c './run'",
            """su ann -c './run exec -- echo '"'"'a b'"'"''""",
        ),
        ("start", "./run dev     # shows it", "./run dev     # shows it"),
        ("start", "ls -l /srv/blog/run", "ls -l /srv/blog/run"),
    ],
)
def test_a_remedy_repeats_what_was_typed(typed: str, remedy: str, again: str) -> None:
    problem = Problem("slug", "what", "why", (remedy,))
    assert command_line.typed_again(problem, shlex.split(typed), "./run").remedy == (again,)


def test_no_remedy_of_a_start_starts_in_the_foreground() -> None:
    told = [make() for make in CATALOGUE]
    commands = [line for problem in told for line in problem.remedy]
    retyped = [command_line.typed_again(problem, ["start"], "./run") for problem in told]
    again = [line for problem in retyped for line in problem.remedy]
    assert again != commands
    bare = re.compile(r"(^|[\s'\"])\./run\s*([#&;'\"]|$)")
    assert [line for line in again if bare.search(line)] == []


@pytest.mark.parametrize("verb", ["start", "restart", "dev", "setup"])
def test_a_verb_that_is_refused_is_typed_again(
    verb: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise problems.port_in_use("127.0.0.1", 8000)

    monkeypatch.chdir(project(tmp_path).root)
    monkeypatch.setattr(Verb, "run", refuse)
    monkeypatch.setattr(environments, "verify", lambda project: None)
    monkeypatch.setattr(check_trust, "check", lambda project, command: None)
    assert main([verb, "--json"]) == 1
    told = json.loads(capsys.readouterr().err)
    assert told["type"][0] == f"PORT=8001 ./run {verb}"
    assert main([verb]) == 1
    assert f"More     {told['page']}\nType     " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", *(verb.name for verb in VERBS if "project" in verb.needs)])
def test_outside_of_a_project_the_remedy_is_init(name: str, tmp_path: Path) -> None:
    done = run(*name.split(), "--json", cwd=tmp_path)
    if command_line.passes_words([name]):
        done = run(name, cwd=tmp_path)
        assert "Type     flask-modwsgi init\n" in done.stderr
    else:
        told = json.loads(done.stderr)
        assert told["problem"] == "no-project"
        assert told["type"][0] == "flask-modwsgi init"
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_a_project_is_also_one_without_its_pyproject(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    assert not is_project(tmp_path)
    (tmp_path / "wheels").mkdir()
    assert is_project(tmp_path)


@pytest.mark.parametrize(("given", "offset"), [({}, "+0530"), ({"TZ": "Africa/Nairobi"}, "+0300")])
def test_verbs_have_the_time_zone_of_the_application(
    given: dict[str, str], offset: str, tmp_path: Path
) -> None:
    root = project(tmp_path).root
    (root / ".env").write_text("TZ=Asia/Kolkata\n")
    code = f"import sys, time; sys.path.insert(0, {str(ROOT / 'src')!r})"
    code += "; from flask_modwsgi.cli import main, verbs"
    code += "; verbs.Verb.run = lambda *_: print(time.strftime('%z')); main.main(['status'])"
    env = {name: value for name, value in os.environ.items() if name != "TZ"} | given
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    assert done.stdout == f"{offset}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_told_by_the_exit_status(number: signal.Signals, tmp_path: Path) -> None:
    """As shells do: https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html."""
    code = "from flask_modwsgi.cli import main, verbs; import os, time"
    code += f"; verbs.Verb.run = lambda *_: (os.kill(os.getpid(), {int(number)}), time.sleep(9))"
    code += "; raise SystemExit(main.main(['explain']))"
    done = run(code=code)
    assert (done.returncode, done.stderr) == (128 + number, "\nInterrupted.\n")


@pytest.mark.parametrize("words", ["--version", "--help", "help start", "explain env-file-broken"])
def test_a_closed_pipe_is_no_failure(words: str, tmp_path: Path) -> None:
    """As in `./run config | true`."""
    reader, writer = os.pipe()
    os.close(reader)
    assert unwritten(words, writer, tmp_path) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_output_that_finds_no_space_is_told(tmp_path: Path) -> None:
    status, told = unwritten("--version", os.open("/dev/full", os.O_WRONLY), tmp_path)
    assert status == 1
    assert "disk-full" in told
    assert "Exception ignored" not in told


def unwritten(words: str, stdout: int, cwd: Path) -> tuple[int, str]:
    """The exit status and the errors of a command that cannot write its output."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})"
    code += "; from flask_modwsgi.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-B", "-I", "-S", "-c", code, *words.split()]
    with os.fdopen(stdout, "w") as stream:
        done = subprocess.run(command, cwd=cwd, stdout=stream, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr


def test_a_folder_that_was_removed_is_told(tmp_path: Path) -> None:
    """As by a deployment that replaces it, in the folder of a shell."""
    gone = tmp_path / "a b"
    gone.mkdir()
    source = str(ROOT / "src")
    code = (
        f"import sys; sys.path.insert(0, {source!r}); from flask_modwsgi.cli.main import run; run()"
    )
    words = [sys.executable, "-P", "-c", code, "status"]
    shell = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    done = subprocess.run(["sh", "-c", shell, "sh", gone, *words], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith(f"is gone. If there is another of its name: cd '{gone}'\n")
    assert "Traceback" not in done.stderr
