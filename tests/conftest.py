"""Bake projects from this template, and watch it refuse answers."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import serving
from cookiecutter.exceptions import FailedHookException
from cookiecutter.generate import generate_context
from cookiecutter.prompt import prompt_for_config
from hypothesis import settings
from pytest_cookies.plugin import Cookies

ROOT = Path(__file__).parents[1]
TEMPLATE = next(ROOT.glob("{{cookiecutter.*}}"))
QUESTIONS: dict[str, Any] = {
    key: default
    for key, default in json.loads((ROOT / "cookiecutter.json").read_text("utf-8")).items()
    if not key.startswith("_")
}
CHECKS: dict[str, Callable[[str], str | None]] = runpy.run_path(
    str(ROOT / "hooks/pre_gen_project.py")
)["CHECKS"]


@dataclass(frozen=True)
class Baked:
    """A generated project."""

    path: Path
    answers: dict[str, Any]

    def read(self, name: str) -> str:
        return (self.path / name).read_text("utf-8")

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Call the project's own command: `./run ARGUMENTS`."""
        options = {"capture_output": True, "text": True, **options}
        return subprocess.run([self.path / "run", *arguments], cwd=self.path, **options)


Bake = Callable[..., Baked]
Refuse = Callable[..., str]


def pytest_configure(config: pytest.Config) -> None:
    # A script ignores SIGINT in what it starts with "&", and nohup ignores SIGHUP; so would all
    # that is started here.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # The same examples each time, however long one takes on a busy machine.
    settings.register_profile("tests", deadline=None, derandomize=True, database=None)
    settings.load_profile("tests")
    os.umask(0o022)  # others may read what is made here, as some tests try
    if mode := config.getoption("--mode"):
        os.environ["MODE"] = mode


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--apache",
        choices=["system", "bundled"],
        help="the Apache of the projects that are served; the installed one, if there is one."
        " When it is named, only the tests that depend on it run.",
    )
    parser.addoption(
        "--mode",
        choices=["daemon", "embedded"],
        help="the mode they are served in; daemon by default."
        " When it is named, only the tests that depend on it run.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of a file that share a project in one worker of pytest-xdist.

    First, because pytest-xdist reads the marks in the same hook.
    """
    for item in items:
        if {"project", "built"} & _fixtures(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    embedded = config.getoption("--mode") == "embedded"
    if config.getoption("--apache") or config.getoption("--mode"):
        others = [
            item
            for item in items
            if "project" not in _fixtures(item)
            or (embedded and item.get_closest_marker("daemon_mode"))
        ]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    # After the groups pytest-xdist keeps this order: what takes long is not left to the end, for one process.
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


# Variables that redirect what the tests call, or change what it prints.
OTHERS = ("COLUMNS", "FLASK_APP", "FORCE_COLOR", "NO_COLOR", "PYTHON_COLORS", "VIRTUAL_ENV")


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave nothing behind and let nothing in.

    cookiecutter never removes the rendered hooks from the temporary directory, Python would
    write `__pycache__` into the template. A proxy is for packages, not for the servers of the tests.
    """
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("hooks")))
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        for name in (*OTHERS, *(f"GIT_{what}" for what in ("DIR", "INDEX_FILE", "WORK_TREE"))):
            patch.delenv(name, raising=False)
        patch.setenv("no_proxy", ",".join(filter(None, [direct, "localhost,127.0.0.1,::1"])))
        yield


def copy_template(folder: Path) -> Path:
    """A copy of this repository's files as they are now, without what git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def derive(**answers: Any) -> dict[str, Any]:
    """All answers, as they are derived from these; nothing is generated."""
    context = generate_context(str(ROOT / "cookiecutter.json"), extra_context=answers)
    return dict(prompt_for_config(context, no_input=True))


def typed(text: str) -> str:
    """What to answer so that exactly this text arrives: cookiecutter renders answers."""
    return text.replace("{", "{{ '{' }}")


def bake_with(cookies: Cookies, **answers: Any) -> Baked:
    """Bake or raise; without building the environment unless `install=True` is asked for."""
    unknown = answers.keys() - QUESTIONS.keys()
    assert not unknown, f"cookiecutter ignores what it does not ask: {unknown}"
    result = cookies.bake(extra_context={"install": False, **answers})
    if result.exception:
        raise result.exception
    return Baked(result.project_path, result.context)


@pytest.fixture
def bake(cookies: Cookies) -> Bake:
    """`bake(**answers)` generates a project."""
    return lambda **answers: bake_with(cookies, **answers)


@pytest.fixture(scope="session")
def defaults(cookies_session: Cookies) -> Baked:
    """The project of the default answers, for tests that only read it."""
    return bake_with(cookies_session)


@pytest.fixture
def refuse(cookies: Cookies, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Refuse:
    """`refuse(**answers)` expects a refusal before anything is written, and returns its text."""

    def tree() -> set[Path]:
        return {path for depth in ("*", "*/*", "*/*/*") for path in tmp_path.glob(depth)}

    def refuse(**answers: Any) -> str:
        before = tree()
        capfd.readouterr()
        with pytest.raises(FailedHookException) as refusal:
            bake_with(cookies, **answers)
        # pytest-cookies makes one output directory for each bake.
        (empty,) = tree() - before
        assert empty.parent == tmp_path / "cookies"
        assert capfd.readouterr() == ("", "")
        return str(refusal.value)

    return refuse


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Callable[[], Path]]:
    """`short_folder()` makes a folder with a short path that every user may enter.

    Apache needs both. The folders are removed in the end, when no server may still write there.
    """
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="fmw-", dir="/tmp")))
        made[-1].chmod(0o755)
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def common(short_folder: Callable[[], Path]) -> Path:
    """The folder of what more than one module uses."""
    return short_folder()


@pytest.fixture(scope="module")
def workplace(short_folder: Callable[[], Path]) -> Path:
    """The folder of one module, so that no other module has used a name in it."""
    return short_folder()


@pytest.fixture
def open_folder(workplace: Path) -> Path:
    """A folder with a short path that every user may enter, as they may not enter `tmp_path`."""
    folder = Path(tempfile.mkdtemp(dir=workplace.resolve()))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def home(common: Path) -> Iterator[Path]:
    """An empty home directory: no configuration, and nothing that was built before."""
    folder = common / "home"
    folder.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.delenv("XDG_CACHE_HOME", raising=False)
        yield folder


@contextmanager
def wheels_of_one_worker(shared: Path, home: Path) -> Iterator[None]:
    """Take what another worker of pytest-xdist has compiled; the first one leaves its wheels in `shared`."""
    own = home / ".cache" / "flask-modwsgi"
    with serving.locked(shared.with_suffix(".lock")):
        if shared.exists():
            own.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copytree(shared, own / "wheels", dirs_exist_ok=True)
        yield
        if not shared.exists():
            shutil.copytree(own / "wheels", shared, ignore=shutil.ignore_patterns("*.lock"))


@pytest.fixture(scope="session")
def built(
    common: Path, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], serving.Project]:
    """`built(kind)` is a project with the default answers, built against that kind of Apache."""
    of_all = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        of_all = of_all.parent

    @cache
    def build(kind: str) -> serving.Project:
        with wheels_of_one_worker(of_all / f"wheels-{kind}", home):
            return set_up(common / kind, kind)

    return build


Built = Callable[[str], serving.Project]


def set_up(folder: Path, kind: str, **env: str) -> serving.Project:
    """A project with the default answers, whose setup succeeded: cookiecutter succeeds in any case."""
    project = serving.generate(folder, f"apache={kind}", **env)
    if serving.is_unreachable(project.output):  # once more
        shutil.rmtree(folder)
        project = serving.generate(folder, f"apache={kind}", **env)
    assert "\nReady " in project.output, project.output
    return project


def has_apache() -> bool:
    return any(map(shutil.which, ("apxs", "apxs2")))


def quicker() -> str:
    """The kind of Apache that takes less time to build against here."""
    return "system" if has_apache() else "bundled"


@pytest.fixture(scope="session")
def project(pytestconfig: pytest.Config, built: Built) -> serving.Project:
    """A project with the Apache that was asked for, or the one that is there."""
    return built(pytestconfig.getoption("--apache") or quicker())


@pytest.fixture(scope="session")
def changed(project: serving.Project, common: Path) -> serving.Project:
    """A second project of the same kind, with more views to ask for."""
    kind = project.path.parent.name
    second = set_up(common / f"{kind}-changed", kind, PATH=serving.path_with_uv())
    second.add_views()
    return second


@pytest.fixture(scope="session")
def kind(built: Built) -> str:
    """A kind of Apache that was built against before, so that its wheels are in the cache."""
    built(quicker())
    return quicker()


@pytest.fixture(scope="session")
def wheel(built: Built) -> Path:
    """The wheel of this package; what it needs is in the cache then."""
    (found,) = (built(quicker()).path / "wheels").iterdir()
    return found


Adopt = Callable[..., tuple[serving.Project, str]]


@pytest.fixture(scope="module")
def adopt(wheel: Path, workplace: Path) -> Adopt:
    """`adopt(name, files)` makes a project, and the output of `init` for it."""

    def adopt(name: str, files: dict[str, str], *words: str) -> tuple[serving.Project, str]:
        folder = workplace / name
        for file, text in {"requirements.txt": "Flask\n", **files}.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text, "utf-8")
        command: list[str | Path] = [sys.executable, "-I", wheel / "flask_modwsgi", "init", *words]
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"PATH": serving.path_with_uv()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return serving.Project(folder, done.stdout, 0), done.stdout

    return adopt
