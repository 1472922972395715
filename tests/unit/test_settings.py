"""Settings: what they may be, where they come from, how they are shown, and ``.env``."""

import io
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import Mock

import dotenv
import pytest
from conftest import ROOT
from samples import complete_python, project

from flask_modwsgi import problems
from flask_modwsgi.apache import processes, state
from flask_modwsgi.cli import show_settings
from flask_modwsgi.config import env_file, mistakes, reference, safety, settings
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import report
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.machine import capacity
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import foreground, prepare
from flask_modwsgi.setup.apaches import Apache
from flask_modwsgi.setup.plan import Plan


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "80x"),
        ("PORT", "-1"),
        ("PORT", "٨٠٠٠"),
        ("PROCESSES", "0"),
        ("PROCESSES", "513"),
        ("THREADS", "many"),
        ("KEEP_ALIVE", "1.5"),
        ("MOUNT_POINT", "/a//b"),
        ("MOUNT_POINT", "/a/../b"),
        ("HOST", "local host"),
        ("RUN_USER", "a b"),
        ("LOG_FORMAT", "xml"),
        ("TLS_KEY", "/etc/a b.pem"),
        ("METRICS_PORT", "80"),
    ],
)
def test_a_setting_that_cannot_be(name: str, value: str) -> None:
    with pytest.raises(Problem) as refused:
        settings.load({name: value})
    assert refused.value.slug == "setting-invalid"
    assert f"{name}={value}" in str(refused.value)
    (remedy,) = refused.value.remedy
    example = remedy.split()[0].partition("=")[2]
    settings.load({name: example})  # what the remedy says is possible


@pytest.mark.parametrize("name", settings.NAMES)
def test_every_setting_has_an_example_that_is_possible(name: str) -> None:
    declared = settings.SETTINGS[name]
    assert declared.example
    settings.load({name: declared.example})


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [("LOG_LEVEL", "INFO", "info"), ("LOG_FORMAT", "Json", "json"), ("MODE", "Daemon", "daemon")],
)
def test_a_word_may_be_in_capital_letters(name: str, given: str, value: str) -> None:
    assert getattr(settings.load({name: given}), name.lower()) == value


def test_settings_have_defaults_and_empty_means_default() -> None:
    assert settings.load({}) == settings.load({"PORT": "", "MOUNT_POINT": " "})
    assert settings.load({}).port == 8000
    assert settings.load({}).processes == capacity.processes()
    assert settings.load({}).metrics_port is None


def test_one_process_is_possible_and_its_price_is_named() -> None:
    alone = settings.load({"PROCESSES": "1"})
    assert alone.processes == 1
    price = "With 1 process, all requests wait"
    assert any(line.startswith(price) for line in show_settings.consequences(alone))
    two = show_settings.consequences(settings.load({"PROCESSES": "2"}))
    assert not any(line.startswith(price) for line in two)


@pytest.mark.parametrize("is_running", [True, False])
def test_the_connections_of_a_server_that_runs_are_those_of_its_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_running: bool,
) -> None:
    """After a stop, the next start decides."""
    started = state.State(connections=1024)
    monkeypatch.setattr(capacity, "connections", lambda: 512)
    monkeypatch.setattr(state, "read", lambda root: started)
    monkeypatch.setattr(processes, "apache", lambda root: object() if is_running else None)
    show_settings.show(project(tmp_path))
    assert f" {1024 if is_running else 512} connections" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["app", "/app", "/app/", "app/"])
def test_mount_points_are_normalised(text: str) -> None:
    assert settings.load({"MOUNT_POINT": text}).mount_point == "/app"


@pytest.mark.parametrize("text", ['"a"', "${HOST}", "%{HOST}e", "a\\", "a\nb", "é"])
def test_a_policy_cannot_mean_anything_to_apache(text: str) -> None:
    with pytest.raises(Problem, match="CONTENT_SECURITY_POLICY"):
        settings.load({"CONTENT_SECURITY_POLICY": text})
    own = "default-src 'self' *.example.com:443 'sha256-ab+/='; report-uri /csp?a=b&c#d"
    given = settings.load({"CONTENT_SECURITY_POLICY": own})
    assert given.content_security_policy == own


def test_what_a_reload_takes() -> None:
    assert {"log_level"} == settings.AT_RELOAD


def test_a_default_is_given_in_words_where_it_is_empty_or_computed() -> None:
    for name, declared in settings.SETTINGS.items():
        assert declared.default_means, name
        assert (declared.default_means == declared.default) == bool(declared.default), name


def test_units_are_in_the_documentation() -> None:
    example = reference.env_example(8000, "/")
    assert "Allowed: a number of seconds from 5 to 3600. Default: 60.\nREQUEST_LIMIT=60" in example
    assert "Allowed: a number of megabytes from 1 to 10240. Default: 10." in example
    assert max(map(len, example.splitlines())) < 100


def test_the_example_means_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(reference.env_example(8000, "/"))
    values = env_file.read(file)
    assert set(values) == {*settings.NAMES, "FLASK_SECRET_KEY"}
    assert settings.load(values) == settings.load({})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("PROCESES=2", "PROCESES in .env is no setting of this server; PROCESSES is"),
        ("PROT=2", "PROT in .env is no setting of this server; PORT is"),
        ("threads=2", "threads in .env is no setting of this server; THREADS is"),
        ("LOGLEVEL=info", "LOGLEVEL in .env is no setting of this server; LOG_LEVEL is"),
        ("URL=//${USER}:x", "URL in .env keeps its ${USER}: only flask run puts a value there"),
        (
            "PYTHONPATH=../lib",
            "PYTHONPATH in .env is not used; put its folders on sys.path in the .wsgi file",
        ),
        ("VIRTUAL_ENV=/srv/env", "VIRTUAL_ENV in .env is not used"),
        ("THREADS=2", ""),
        ("DATABASE_URL=sqlite://", ""),
        ("PGHOST=db", ""),
        ("PGPORT=5432", ""),
        ("CODE=1\nNODE=1\nEXPORT=a$b", ""),
    ],
)
def test_what_may_be_a_mistake(line: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"{line}\n")
    file.chmod(0o640)
    assert mistakes.found(file) == ([told] if told else [])
    assert mistakes.found(tmp_path / "none") == []


def test_only_who_can_enter_the_folders_above_can_read_the_secrets(open_folder: Path) -> None:
    """Such as a home with mode 0700; of a link, those of where it leads."""
    file, link = open_folder / "home/blog/.env", open_folder / "link"
    file.parent.mkdir(parents=True)
    file.write_text("COLOUR=blue\n")
    file.chmod(0o644)
    link.symlink_to(file)
    told = "every user can read .env (-rw-r--r--); close it with chmod 600 .env"
    for path in (file, link):
        assert mistakes.found(path) == [told]
    for closed in (file.parent, file.parent.parent):
        closed.chmod(0o750)
        for path in (file, link):
            assert mistakes.found(path) == []
        closed.chmod(0o711)
        assert mistakes.found(file) == [told]


def test_a_start_says_that_everyone_can_read_the_secrets(
    open_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = project(open_folder)
    own.env_file.touch()
    site = Mock(project=own, is_awaited=False, certificate=None, is_development=False)
    site.application.limitation = site.settings.content_security_policy = ""
    for mode, told in ((0o604, True), (0o640, False)):
        own.env_file.chmod(mode)
        foreground.say_where(Mock(site=site, log_style="text"))
        shown = capsys.readouterr().err
        assert ("* every user can read .env (-rw----r--)" in shown) == told
        assert ("chmod 600 .env" in shown) == told


def test_a_setup_says_that_everyone_can_read_the_secrets(
    open_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = project(open_folder)
    (open_folder / "requirements.txt").touch()
    own.env_file.touch()
    own.env_file.chmod(0o644)
    plan = Plan(own, complete_python(open_folder), Apache("system", "2.4.62"), False, False)
    prepare._say_outcome(
        plan, "6.1", {"error": "", "refused": "", "notes": [], "answered": "200"}, 1.0
    )
    assert "close it with chmod 600 .env\n" in capsys.readouterr().out


def test_where_a_value_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "HOST", "THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", "1")
    in_file = {"PORT": "2", "HOST": "::1", "THREADS": " "}
    found = [settings.source(name, in_file) for name in ("PORT", "HOST", "THREADS")]
    assert found == ["environment", ".env", "default"]


# ---- .env


def written(text: str | bytes) -> dict[str, str]:
    """What is read from a file with this text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ".env"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return env_file.read(file)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nexport B=2\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ('A="x \\" \\\\ ${HOME} $B"  # why\n', {"A": 'x " \\ ${HOME} $B'}),
        ('A="two\nlines"\nB=\n', {"A": "two\nlines", "B": ""}),
        ("# only a comment\n\n", {}),
        ("A", {}),
        ("A=é\nA=ü", {"A": "ü"}),
    ],
)
def test_what_is_in_a_file(text: str, values: dict[str, str]) -> None:
    assert written(text) == values


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("PORT=1\n# PORT=2\nPORTS=3\n", ""),
        (
            "PORT=1\n\nA='x\ny'\nexport PORT=2\n",
            "PORT is in lines 1 and 5 of .env: the last line counts",
        ),
        (
            "A=1\nA=1\nB=1\n\n\nA=\nB=2\n",
            "A is in lines 1, 2 and 6 of .env; B is in lines 3 and 7 of .env: the last line counts",
        ),
        ("FLASK_SECRET_KEY=\nFLASK_SECRET_KEY=x\n", ""),
        ("PORT=x\nPORT=\n", "PORT is in lines 1 and 2 of .env: the last line counts"),
    ],
)
def test_a_name_with_several_values(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(text)
    assert env_file.repeated(file) == told
    assert env_file.repeated(tmp_path / "none") == env_file.missing(file) == ""


@pytest.mark.parametrize("text", ["D\n", "A=1\nexport D\n", "D # later\n"])
def test_a_name_without_a_value_is_not_set(text: str, tmp_path: Path) -> None:
    """So that the application's own default counts, as under flask run."""
    assert "D" not in written(text)
    assert written(f"{text}D=\n")["D"] == ""
    assert written(f"D=1\n{text}")["D"] == "1"  # as in a shell, where only export says more
    (tmp_path / ".env").write_text(f"D=1\n{text}")
    assert env_file.repeated(tmp_path / ".env") == ""
    assert dotenv.dotenv_values(stream=io.StringIO(text))["D"] is None


def test_no_file_has_no_variables(tmp_path: Path) -> None:
    assert env_file.read(tmp_path / ".env") == {}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (b"A=1\n\n\nthis is not\nB=2\n", 4, "NAME=value"),
        (b'A=1\nB="never closed\nC=3\n', 2, "NAME=value"),
        (b'A="x" y\n', 1, "NAME=value"),
        (b"A=1\r\n\r\n=2\r\n", 3, "NAME=value"),
        ("A=1\n".encode("utf-16"), 1, "UTF-16"),
        (b"\xfe\xff" + "A=1\n".encode("utf-16-be"), 1, "UTF-16"),
        ("A=1\n".encode("utf-16-le"), 1, "code 0"),
        ("A=1\n".encode("utf-32"), 1, "is in UTF-32"),
        (b"\x00\x00\xfe\xff" + "A=1\n".encode("utf-32-be"), 1, "is in UTF-32"),
        (b"A=1\nB=caf\xe9\n", 2, "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read(text: bytes, line: int, reason: str) -> None:
    with pytest.raises(Problem) as broken:
        written(text)
    assert broken.value.slug == "env-file-broken"
    assert f"line {line} " in broken.value.what
    assert reason in broken.value.what
    assert "never closed" not in str(broken.value)  # it may be a secret


@pytest.mark.parametrize(("text", "line"), [("A: 1\n", 1), ("B=1\nif true; then\n  C=1\nfi\n", 2)])
def test_a_line_that_the_example_has_too(text: str, line: int, tmp_path: Path) -> None:
    """Where setup has copied it, it is to be changed in both."""
    file = tmp_path / ".env"
    file.write_text(text)

    def told() -> str:
        with pytest.raises(Problem) as broken:
            env_file.read(file)
        return broken.value.what

    assert ".env.example" not in told()
    file.with_name(".env.example").write_text(text)
    assert f"{file} cannot be read: line {line} is not NAME=value, as in .env.example." == told()
    file.with_name(".env.example").write_bytes("é".encode("cp1252"))
    assert ".env.example" not in told()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "cp1252"])
def test_the_remedy_for_another_encoding_works(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "my project" / ".env"
    file.parent.mkdir()
    file.write_bytes("A=café\n".encode(encoding))
    with pytest.raises(Problem) as broken:
        env_file.read(file)
    subprocess.run(["sh", "-c", broken.value.remedy[0]], check=True)
    assert env_file.read(file) == {"A": "café"}
    assert file.stat().st_mode & 0o077 == 0
    assert [path.name for path in file.parent.iterdir()] == [".env"]


def test_no_encoding_is_guessed_that_cannot_be() -> None:
    """Windows' own has no character with the code 0, which UTF-16 is full of."""
    with pytest.raises(Problem) as broken:
        written("A=café\n".encode("utf-16-le"))
    assert "UTF-8" in broken.value.what
    [edit] = broken.value.remedy
    assert "iconv" not in edit


def test_secrets_of_a_broken_file_are_known_to_the_report(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"API=of-great-value\nthis is not\nB=caf\xe9\n")
    assert "of-great-value" in report.hidden(Project(tmp_path))


def test_settings_are_read_with_the_standard_library_alone() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from flask_modwsgi.config import env_file, reference, settings\n"
        "print(settings.load(env_file.read(Path('/nonexistent/.env'))).https_port)"
    )
    command = [sys.executable, "-B", "-I", "-S", "-c", code, str(ROOT / "src")]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "8443\n"


# ---- ./run config


def shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """The columns of each variable."""
    show_settings.show(Project(folder))
    lines = capsys.readouterr().out.split("\n\n")[0].splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def test_config_shows_value_unit_and_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in settings.NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", "8080")
    monkeypatch.setenv("FLASK_THING", "1")
    (tmp_path / ".env").write_text("REQUEST_LIMIT=30\nAPI_KEY=hidden-value\nMINE='two\nlines'\n")
    rows = shown(tmp_path, capsys)
    assert list(rows)[: len(settings.NAMES)] == list(settings.NAMES)
    assert rows["PORT"] == ["8080", "environment"]
    assert rows["REQUEST_LIMIT"] == ["30", "seconds", ".env"]
    assert rows["MAX_UPLOAD_MB"] == ["10", "megabytes", "default"]
    assert rows["HOSTS"] == ["-", "default"]
    assert rows["FLASK_THING"] == ["1", "environment"]
    assert rows["MINE"] == ["two\\nlines", ".env"]
    assert "hidden-value" not in " ".join(rows["API_KEY"])


@pytest.mark.parametrize("mode", ["daemon", "embedded"])
def test_config_says_how_many_connections_are_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("MODE", mode)
    monkeypatch.setenv("PROCESSES", "2")
    show_settings.show(Project(tmp_path))
    assert "threads, 2048 connections" in capsys.readouterr().out


def test_config_fits_a_terminal_and_a_long_value_moves_no_other_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies = "10.0.0.0/8 192.168.0.0/16 172.16.0.0/12"
    monkeypatch.setenv("TRUSTED_PROXIES", proxies)
    monkeypatch.setenv("TLS_KEY", f"/etc/{'x' * 80}.pem")
    monkeypatch.setenv("METRICS_PORT", "9100")
    policy = "default-src 'self'; base-uri 'none'; form-action 'self'; object-src 'none'"
    monkeypatch.setenv("CONTENT_SECURITY_POLICY", policy)
    show_settings.show(Project(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    (place,) = (at for at, line in enumerate(lines) if line.startswith("CONTENT_SECURITY_POLICY "))
    assert lines[place].endswith("  environment")
    said = " ".join(" ".join(lines[place : place + 2]).split())
    assert said.replace(" environment", "").endswith(policy)
    del lines[place + 1]
    assert [line.split()[0] for line in lines if len(line) > 80] == ["TLS_KEY"]
    short = [
        line
        for line in lines[: len(settings.NAMES)]
        if line.split()[0] not in ("TLS_KEY", "HTTPS_AUTHORITY")
    ]
    ends = {line.rindex(" ") for line in short}
    assert len(ends) == 1


def test_config_tells_that_there_is_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_settings.show(Project(tmp_path))
    assert capsys.readouterr().out.endswith("\nthere is no .env; ./run setup makes it\n")


def test_config_tells_of_a_name_with_several_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("THREADS=3\nTHREADS=4\n")
    show_settings.show(Project(tmp_path))
    said = " ".join(capsys.readouterr().out.split())
    assert "x 4 threads" in said
    assert said.endswith(" THREADS is in lines 1 and 2 of .env: the last line counts")


def test_the_remedy_for_a_wrong_value_mends_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in settings.NAMES:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / ".env"
    policy = "CONTENT_SECURITY_POLICY"
    file.write_text(f"HTTPS_PORT=1\nexport PORT = 80x\nTLS_KEY=a b\n{policy}='$x'\n")
    for name in ("PORT", "TLS_KEY", policy):
        with pytest.raises(Problem, match=f"{name}=.* in .env is not valid") as refused:
            _ = Facts(Project(tmp_path)).settings
        subprocess.run(["sh", "-c", refused.value.remedy[0]], cwd=tmp_path, check=True)
    found = Facts(Project(tmp_path)).settings
    assert (found.port, found.content_security_policy) == (8080, "default-src 'self'")
    assert file.read_text() == (
        "HTTPS_PORT=1\n# export PORT = 80x\nexport PORT=8080\n"
        f"# TLS_KEY=a b\nTLS_KEY={settings.SETTINGS['TLS_KEY'].example}\n"
        f"# {policy}='$x'\n{policy}=\"default-src 'self'\"\n"
    )
    assert env_file.exported(file) == {"PORT"}
    monkeypatch.setenv("PORT", "80y")
    with pytest.raises(Problem, match="PORT=80y is not valid") as refused:
        _ = Facts(Project(tmp_path)).settings
    assert refused.value.remedy == ("PORT=8080 ./run",)
    monkeypatch.setenv(policy, "$x")
    monkeypatch.delenv("PORT")
    with pytest.raises(Problem) as refused:
        _ = Facts(Project(tmp_path)).settings
    assert shlex.split(refused.value.remedy[0]) == [f"{policy}=default-src 'self'", "./run"]


@pytest.mark.parametrize(
    "line", ["MODE=production", "THREADS=auto", "LOG_FORMAT=%(message)s", "LOG_LEVEL=verbose"]
)
def test_a_variable_of_the_application_with_the_name_of_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """Its value is kept, and the way out is to rename it in the code."""
    name = line.partition("=")[0]
    monkeypatch.delenv(name, raising=False)
    file = tmp_path / ".env"
    file.write_text(f" {line}\nA=1\n")
    with pytest.raises(Problem) as refused:
        _ = Facts(Project(tmp_path)).settings
    assert f"means something else by {name}, choose another name" in refused.value.why
    subprocess.run(["sh", "-c", refused.value.remedy[0]], cwd=tmp_path, check=True)
    assert file.read_text().startswith(f"#  {line}\n {name}=")
    _ = Facts(Project(tmp_path)).settings


@pytest.mark.parametrize(("given", "level"), [("WARN", "warning"), ("fatal", "critical")])
def test_levels_have_the_names_that_logging_has(given: str, level: str) -> None:
    assert settings.load({"LOG_LEVEL": given}).log_level == level


def test_remedies_that_add_a_line_add_one_where_the_last_has_no_end(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    file, wsgi = tmp_path / ".env", tmp_path / "blog.wsgi"
    file.write_text("DATABASE_URL=postgresql://db/app")
    wsgi.write_text("app = 5")
    for problem in (
        problems.secret_weak("is empty"),
        problems.variable_missing("MAIL_SERVER", "KeyError"),
        problems.app_nameless(wsgi, ["app"]),
    ):
        words = ["sh", "-c", problem.remedy[0]]
        subprocess.run(words, cwd=tmp_path, input="mail host\n", text=True, check=True)
    values = env_file.read(file)
    assert len(values.pop("FLASK_SECRET_KEY")) == 64
    assert values == {"DATABASE_URL": "postgresql://db/app", "MAIL_SERVER": "mail host"}
    assert wsgi.read_text().splitlines() == ["app = 5", "application = app"]


@pytest.mark.parametrize(("given", "is_removed"), [("short", True), ("", True), (None, False)])
def test_a_weak_key_that_wins_over_the_file_is_removed(
    given: str | None, is_removed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another line in .env would change nothing."""
    file = tmp_path / ".env"
    file.write_text("FLASK_SECRET_KEY=dev\n")
    monkeypatch.delenv("FLASK_SECRET_KEY", raising=False)
    if given is not None:
        monkeypatch.setenv("FLASK_SECRET_KEY", given)
    with pytest.raises(Problem) as refused:
        safety.refuse_unsafe({"FLASK_SECRET_KEY": given or ""})
        safety.refuse_keyless({}, file, safety.EMPTY)
    assert ("environment variable, which wins over .env" in refused.value.why) == is_removed
    assert (refused.value.remedy == ("unset FLASK_SECRET_KEY && ./run",)) == is_removed
    assert (">> .env" in refused.value.remedy[0]) != is_removed


@pytest.mark.parametrize(
    ("given", "own", "has_file", "slug"),
    [
        ("k" * 32, "is an example", True, "own-secret-weak"),  # it does not read the given one
        ("k" * 32, "has only 5 characters", False, "own-secret-weak"),
        ("k" * 32, safety.EMPTY, True, None),
        ("dev", "is an example", True, "secret-weak"),
        (None, "", False, None),
        (None, safety.EMPTY, True, "secret-weak"),
        ("", safety.EMPTY, False, "env-file-missing"),
        (None, "is an example", True, "own-secret-weak"),
    ],
)
def test_a_key_may_be_the_applications_own(
    given: str | None, own: str, has_file: bool, slug: str | None, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    if has_file:
        file.touch()
    variables = {} if given is None else {"FLASK_SECRET_KEY": given}
    found = None
    try:
        safety.refuse_unsafe(variables)
        safety.refuse_keyless(variables, file, own)
    except Problem as problem:
        found = problem.slug
    assert found == slug


@pytest.mark.parametrize("given", ["k" * 32, "", None])
def test_what_helps_against_a_weak_key_of_its_own(given: str | None, tmp_path: Path) -> None:
    """Not another line in .env: the application does not read the one that is there."""
    variables = {} if given is None else {"FLASK_SECRET_KEY": given}
    with pytest.raises(Problem) as refused:
        safety.refuse_keyless(variables, tmp_path / ".env", "is an example")
    read = 'app.secret_key = os.environ["FLASK_SECRET_KEY"]'
    assert (read in " ".join(refused.value.why.split())) == bool(given)
    assert ("write that into .env" in " ".join(refused.value.why.split())) != bool(given)


def test_a_weak_given_key_is_named_once() -> None:
    """`./run doctor` has a check of its own for it."""
    safety.refuse_keyless({"FLASK_SECRET_KEY": "dev"}, Path(".env"), "is an example")


@pytest.mark.parametrize(
    "text",
    [
        "[tool.flask-modwsgi]\napp_name = 5\n",
        "[tool]\nflask-modwsgi = 5\n",
        "tool = 5\n",
        "project = 5\n[tool.flask-modwsgi]\n",
        "[project]\nname = []\n[tool.flask-modwsgi]\n",
        '[tool.flask-modwsgi]\napp_name = "x"\napache = "nginx"\n',
    ],
)
def test_a_pyproject_of_other_types_is_told_of(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(Problem) as refused:
        _ = Project(tmp_path).wsgi_file
    assert refused.value.slug == "pyproject-broken"
