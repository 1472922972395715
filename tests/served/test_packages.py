"""The project's packages: how one is added, what setup refuses, and what a running server sees."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serving
from conftest import Adopt, Built, quicker
from load import load
from serving import (
    Project,
    ask,
    path_with_uv,
    path_without_uv,
    patience,
    running,
    wait_for,
)

pytestmark = pytest.mark.slow
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root serves as another user")

VIEWS = """

@bp.get("/where/<name>")
def where(name: str) -> Any:
    import importlib

    try:
        return str(importlib.import_module(name).__file__)
    except ImportError:
        return "nowhere"
"""


PATHS = {"uv": path_with_uv, "pip": path_without_uv}
installer = pytest.mark.parametrize("installer", list(PATHS))


@pytest.fixture(scope="module")
def made(pytestconfig: pytest.Config, built: Built, workplace: Path) -> Project:
    kind = pytestconfig.getoption("--apache") or quicker()
    built(kind)  # so that nothing is compiled twice
    project = serving.generate(workplace / "packages", f"apache={kind}", PATH=path_with_uv())
    project.add_views()
    views = project.package / "views.py"
    views.write_text(views.read_text("utf-8") + VIEWS, "utf-8")
    return project


@pytest.fixture
def project(made: Project) -> Iterator[Project]:
    """The project with the files of its owner as they were; its environments stay."""
    names = ("pyproject.toml", "requirements.txt", "requirements-dev.txt")
    before = {name: (made.path / name).read_bytes() for name in names}
    yield made
    for name, content in before.items():
        (made.path / name).write_bytes(content)


def setup(project: Project, *words: str, installer: str = "uv") -> subprocess.CompletedProcess[str]:
    return project.call("./run", "setup", *words, PATH=PATHS[installer]())


def set_up(project: Project, *words: str, installer: str = "uv") -> str:
    """What a setup that must succeed printed."""
    done = setup(project, *words, installer=installer)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_use(project: Project) -> Path:
    return (project.path / ".venv").resolve()


def all_of(project: Project) -> set[Path]:
    return {path for path in (project.path / "var/env").iterdir() if not path.is_symlink()}


def add(project: Project, *lines: str) -> None:
    """Add lines to requirements.txt, and remove the hashes there."""
    file = project.path / "requirements.txt"
    text = re.sub(r" \\\n\s+--hash=\S+", "", file.read_text("utf-8"))
    file.write_text("\n".join([text, *lines, ""]), "utf-8")


@contextmanager
def started(project: Project) -> Iterator[str]:
    """The server in the background; its address."""
    port = str(serving.free_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORT", port)
        done = project.call("./run", "start")
        assert done.returncode == 0, done.stderr
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            project.call("./run", "stop")


def library(project: Project, name: str, source: str = "") -> Path:
    """A package of the user's own, in the folder of the project."""
    folder = project.path / "libs" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(source, "utf-8")
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
        f'[build-system]\nrequires = ["setuptools"]\n[tool.setuptools]\npy-modules = ["{name}"]\n',
        "utf-8",
    )
    return folder


def from_the_readme(project: Project, compiler: str) -> list[str]:
    """The commands of the section on packages, with one of the compilers."""
    section = (project.path / "README.md").read_text("utf-8").partition("## Packages")[2]
    section = section.partition("\n## ")[0]
    compile_, *others = re.findall(r"^    (.*)$", section, re.MULTILINE)[:3]
    assert others == ["./run setup", "./run reload"]
    if compiler == "pip-tools":
        (compile_,) = re.findall(r"`(pip-compile [^`]+)`", section.replace("\n", " "))
    return [compile_, *others]


@pytest.mark.daemon_mode
@pytest.mark.parametrize(("compiler", "name"), [("uv", "humanize"), ("pip-tools", "tabulate")])
def test_a_package_is_added_as_the_readme_says(project: Project, compiler: str, name: str) -> None:
    """Under load; the old environment serves until the reload."""
    tools = project.path.parent / f"only-{compiler}"
    tools.mkdir()
    program = {"uv": "uv", "pip-tools": "pip-compile"}[compiler]
    (tools / program).symlink_to(Path(sys.executable).parent / program)
    path = f"{tools}{os.pathsep}{path_without_uv()}"
    compile_, setup_, reload_ = from_the_readme(project, compiler)
    pyproject = project.path / "pyproject.toml"
    with started(project) as url, load(url) as record:
        old = in_use(project)
        assert ask(f"{url}/where/{name}").text == "nowhere"
        text = pyproject.read_text("utf-8")
        pyproject.write_text(text.replace('= ["Flask"]', f'= ["Flask", "{name}"]'), "utf-8")
        for command in (compile_, setup_):
            done = project.call("sh", "-c", command, PATH=path, UV_SYSTEM_CERTS="true")
            assert done.returncode == 0, done.stderr
        new = in_use(project)
        assert "./run reload" in done.stdout
        assert new != old
        # Nothing changed for the server, not even for what it imports only now.
        assert ask(f"{url}/where/{name}").text == "nowhere"
        assert ask(f"{url}/where/click.testing").text.startswith(f"{old}/")
        done = project.call("sh", "-c", reload_, PATH=path)
        assert done.returncode == 0, done.stderr
        for module in (name, "flask", "flask_modwsgi", "click.testing"):
            assert ask(f"{url}/where/{module}").text.startswith(f"{new}/"), module
        assert {old, new} <= all_of(project)  # Apache itself runs from the old one
        # A second reload has nothing to switch, and a setup nothing to build.
        assert project.call("./run", "reload").returncode == 0
        set_up(project)
        assert in_use(project) == new
    assert record.failures == []
    assert record.answered > 100


def test_what_uv_pins_is_for_every_python(project: Project, tmp_path: Path) -> None:
    """Whichever it runs with; the project may be set up with another one."""
    text = (project.path / "pyproject.toml").read_text("utf-8")
    text = re.sub(
        "^dependencies = .*",
        "dependencies = ['tomli; python_version < \"3.12\"']",
        text,
        flags=re.M,
    )
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    command = from_the_readme(project, "uv")[0]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "UV_SYSTEM_CERTS": "true"}
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pinned = (tmp_path / "requirements.txt").read_text("utf-8")
    assert re.search(r"^tomli==\S+ ; python_full_version < '3\.12'", pinned, re.MULTILINE)


def test_nothing_of_apache_leads_through_the_link(project: Project) -> None:
    set_up(project)
    with started(project):
        text = (project.path / "var/apache/httpd.conf").read_text("utf-8")
        assert f"{project.path}/.venv" not in text


FAILURES: dict[str, tuple[Callable[[Project], None], str]] = {
    "requirements-conflict": (lambda project: add(project, "werkzeug==2.0.0"), "werkzeug==2.0.0"),
    "packages-conflict": (
        lambda project: add(project, "python-dotenv==0.21.0"),
        "python-dotenv is 0.21.0, and flask-modwsgi needs 1.0 or newer",
    ),
    "flask-missing": (
        lambda project: emptied(project),
        "requirements.txt does not install Flask",
    ),
    "package-unknown": (lambda project: add(project, "humanize==99.0"), "humanize==99.0"),
    "package-unbuildable": (
        lambda project: add(project, f"{broken_library(project).relative_to(project.path)}/"),
        "nothing_like_it.h",
    ),
    "requirements-own": (lambda project: add(project, "mod_wsgi==5.0.0"), "mod-wsgi"),
    "hashes-missing": (
        lambda project: appended(project, "humanize==4.0.0\n"),
        "humanize==4.0.0",
    ),
    "hash-mismatch": (
        lambda project: replaced(project, r"(blinker.*\n.*sha256:).{8}(.*\n.*sha256:).{8}"),
        "blinker==",
    ),
}


def emptied(project: Project) -> None:
    (project.path / "requirements.txt").write_text("", "utf-8")


def appended(project: Project, text: str) -> None:
    file = project.path / "requirements.txt"
    file.write_text(file.read_text("utf-8") + text, "utf-8")


def replaced(project: Project, pattern: str) -> None:
    file = project.path / "requirements.txt"
    text, count = re.subn(pattern, r"\g<1>00000000\g<2>00000000", file.read_text("utf-8"))
    assert count == 1
    file.write_text(text, "utf-8")


def broken_library(project: Project) -> Path:
    folder = library(project, "broken")
    source = "from setuptools import Extension, setup\n"
    source += 'setup(ext_modules=[Extension("broken", ["broken.c"])])\n'
    (folder / "setup.py").write_text(source, "utf-8")
    (folder / "broken.c").write_text("#include <nothing_like_it.h>\n", "utf-8")
    return folder


@installer
def test_a_setup_that_fails_changes_nothing(project: Project, installer: str) -> None:
    """Whatever the reason, it has a name; a server that runs answers every request."""
    set_up(project)
    original = (project.path / "requirements.txt").read_bytes()
    with started(project) as url, load(url) as record:
        before = in_use(project), all_of(project)
        for slug, (spoil, words) in FAILURES.items():
            (project.path / "requirements.txt").write_bytes(original)
            spoil(project)
            done = setup(project, "--json", installer=installer)
            told = json.loads(done.stderr.strip().splitlines()[-1])
            assert (done.returncode, told["problem"]) == (1, slug), done.stderr
            assert words in told["what"], slug
            assert f" serves as before at {url}/\n" in done.stderr, slug
            assert (in_use(project), all_of(project)) == before, slug
        assert project.call("./run", "status").returncode == 0
        assert ask(f"{url}/where/flask.sansio.scaffold").text.startswith(f"{before[0]}/")
    assert record.failures == []


@installer
def test_ordinary_requirements_files(project: Project, installer: str) -> None:
    """Ranges, extras, markers, includes, folders; doctor agrees, and says that there is no hash."""
    library(project, "fixed")
    library(project, "followed", "WORD = 'before'\n")
    (project.path / "limits.txt").write_text("itsdangerous<3\n", "utf-8")
    (project.path / "more.txt").write_text("-c limits.txt\nitsdangerous\n", "utf-8")
    (project.path / "requirements.txt").write_text(
        f"# by hand, for {installer}\n"  # or the environment of the other one is taken
        "Flask[dotenv] >= 3.0, < 4\n"
        "psutil ~= 7.0\n"
        "tomli==2.0.1 ; python_version < '3.0'\n"
        "blinker==1.8.2; python_version < '3.0'\n"
        "blinker==1.9.0; python_version >= '3.0'\n"
        "setuptools==80.9.0\n"
        "-r more.txt\n"
        "./libs/fixed\n"
        "-e ./libs/followed\n",
        "utf-8",
    )
    before = all_of(project)
    said = set_up(project, installer=installer)
    assert in_use(project) not in before
    assert "requirements.txt has no hashes" in said
    rows = project.call("./run", "doctor", "--json").stdout
    packages = next(row for row in json.loads(rows)["checks"] if row["check"] == "packages")
    assert packages["problem"] is None, packages
    assert "no hashes" in packages["value"]
    source = "import fixed, followed, importlib.metadata as m; print(m.version('setuptools'))"
    done = project.call(".venv/bin/python", "-I", "-c", source)
    assert done.stdout.strip() == "80.9.0", done.stderr

    # What is installed as a copy is installed again when it changes.
    kept = in_use(project)
    set_up(project, installer=installer)
    assert in_use(project) == kept
    library(project, "followed", "WORD = 'after'\n")
    set_up(project, installer=installer)
    assert in_use(project) == kept
    library(project, "fixed", "WORD = 'changed'\n")
    set_up(project, installer=installer)
    source = "import fixed, followed; print(fixed.WORD, followed.WORD)"
    assert project.call(".venv/bin/python", "-I", "-c", source).stdout.split() == [
        "changed",
        "after",
    ]


def test_an_editable_package_goes_with_its_environment(project: Project) -> None:
    library(project, "followed")
    add(project, "-e ./libs/followed", "-e .")
    set_up(project)
    with started(project) as url:
        assert ask(f"{url}/where/followed").text.endswith("libs/followed/followed.py")
        file = project.path / "requirements.txt"
        file.write_text(re.sub(r"-e \S+", "", file.read_text("utf-8")), "utf-8")
        set_up(project)
        assert project.call("./run", "reload").returncode == 0
        assert ask(f"{url}/where/followed").text == "nowhere"
        assert ask(f"{url}/where/hello_flask").text.startswith(f"{project.package}/")


def test_a_reload_that_needs_a_restart_says_why(project: Project) -> None:
    set_up(project)
    with started(project):
        add(project)
        set_up(project)
        record = in_use(project) / "setup.json"
        facts = json.loads(record.read_text("utf-8"))
        facts["recipe"] |= {"wheels": "others", "apache_version": "2.99.1"}
        record.write_text(json.dumps(facts), "utf-8")
        done = project.call("./run", "reload", "--json")
        told = json.loads(done.stderr.strip().splitlines()[-1])
        assert told["problem"] == "restart-needed"
        assert "is now 2.99.1" in told["what"]
    shutil.rmtree(in_use(project))  # it is not what its record says


def test_development_tools(project: Project) -> None:
    """They are left out if asked, nothing that serves needs them, and come with the next setup."""
    set_up(project, "--no-dev")
    assert not (in_use(project) / "bin/pytest").exists()
    with started(project) as url:
        assert ask(f"{url}/").status == 200
        assert project.call("./run", "doctor").returncode == 0
    set_up(project)
    assert (in_use(project) / "bin/pytest").exists()


def test_no_more_than_the_previous_one_is_kept(project: Project) -> None:
    set_up(project)
    for _ in range(2):  # the second replaces a previous one
        before = in_use(project)
        set_up(project, "--rebuild")
        assert all_of(project) == {before, in_use(project)}
        assert before != in_use(project)
    record, state = in_use(project) / "setup.json", all_of(project)
    written = record.stat().st_mtime_ns
    set_up(project)
    assert (record.stat().st_mtime_ns, all_of(project)) == (written, state)


def test_what_pip_changed_in_place_is_built_anew(project: Project) -> None:
    set_up(project)
    before = in_use(project)
    (gone,) = before.glob("lib/python*/site-packages/click-*.dist-info")
    gone.rename(gone.with_suffix(".aside"))
    set_up(project)
    assert in_use(project) != before


def test_an_environment_without_flask_is_built_anew(project: Project) -> None:
    set_up(project)
    before = in_use(project)
    (packages,) = before.glob("lib/python*/site-packages")
    for gone in (packages / "flask", *packages.glob("[Ff]lask-*.dist-info")):
        shutil.rmtree(gone)
    set_up(project)
    assert in_use(project) != before


def being_built(project: Project, before: set[Path]) -> Path | None:
    """A new environment, where something is being installed into it."""
    new = [
        path for path in all_of(project) - before if list(path.glob("lib/python*/site-packages"))
    ]
    return new[0] if new else None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_setup(project: Project, number: signal.Signals) -> None:
    """SIGINT is ignored in what a script starts in the background; it ends a setup nevertheless."""
    set_up(project)
    before = in_use(project), all_of(project)
    with started(project) as url:
        process = subprocess.Popen(
            ["./run", "setup", "--rebuild"],
            cwd=project.path,
            env=os.environ | {"PATH": path_without_uv()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        half = wait_for(lambda: being_built(project, before[1]), 60, "the build")
        process.send_signal(number)
        status = process.wait(timeout=30 * patience())
        assert status == (-9 if number == signal.SIGKILL else 128 + number)
        if number != signal.SIGKILL:
            assert all_of(project) == before[1]
        assert in_use(project) == before[0]
        assert ask(f"{url}/where/flask").text.startswith(f"{before[0]}/")
    set_up(project, "--rebuild")
    assert half not in all_of(project)
    assert not half.exists()


def test_two_setups_wait_for_each_other(project: Project) -> None:
    set_up(project)
    add(project)
    before = all_of(project)
    both = [
        subprocess.Popen(
            ["./run", "setup"],
            cwd=project.path,
            env=os.environ | {"PATH": path_with_uv()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert "waiting for another ./run" in "".join(told)
    assert len(all_of(project) - before) == 1


def test_a_folder_in_the_place_of_the_link_is_put_aside(project: Project) -> None:
    set_up(project)
    (project.path / ".venv").unlink()
    venv.create(project.path / ".venv", with_pip=False)
    said = set_up(project)
    assert "it is renamed to .venv.before" in said
    assert (project.path / ".venv.before/pyvenv.cfg").exists()
    assert (project.path / ".venv").is_symlink()
    shutil.rmtree(project.path / ".venv.before")


def closed(source: Path, target: Path) -> Project:
    """A clone of a project, made with a strict umask."""
    ignore = shutil.ignore_patterns("var", ".venv", ".env")
    shutil.copytree(source, target, ignore=ignore)
    subprocess.run(["chmod", "-R", "go=", target], check=True)
    return Project(target, "", 0.0)


def open_as_told(clone: Project, *names: str) -> None:
    """All that is closed is in one problem, and one command opens it."""
    command = 'umask 077; exec ./run "$@"'

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return clone.call("sh", "-c", command, "run", *words, PATH=path_with_uv())

    done = run("setup", "--json")
    told = json.loads(done.stderr.strip().splitlines()[-1])
    assert told["problem"] == "path-unreachable"
    (command_line,) = told["type"]
    assert {str(clone.path / name) for name in ("", *names)} <= set(shlex.split(command_line))
    subprocess.run(command_line, shell=True, check=True, cwd=clone.path)
    done = run("setup")
    assert done.returncode == 0, done.stderr


@only_root
def test_a_strict_umask(project: Project, workplace: Path) -> None:
    clone = closed(project.path, workplace / "closed")
    open_as_told(clone, "hello_flask", "hello_flask/static", "hello_flask.wsgi")


FLAT = {
    "app.py": """
import config
import models
from core import texts
from flask import Flask, render_template

app = Flask(__name__)


@app.get("/")
def index():
    return render_template("index.html", text=texts.HELLO)
""",
    "config.py": "",
    "models.py": "",
    "core/__init__.py": "",
    "core/texts.py": "HELLO = 'hello'\n",
    "templates/index.html": "<p>{{ text }}",
    "static/a.css": "a {}\n",
}


@only_root
def test_a_strict_umask_and_an_application_without_a_package(adopt: Adopt, workplace: Path) -> None:
    project, _ = adopt("flat", FLAT | {"tools/backup.py": ""})
    (project.path / "tools").chmod(0o700)
    set_up(project)  # root may keep to itself what the application does not need
    clone = closed(project.path, workplace / "flat-closed")
    open_as_told(clone, *FLAT)
    with running(clone) as serving:
        assert ask(f"{serving.url}/").text == "<p>hello"
