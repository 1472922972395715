"""What others put into a folder above a project, such as ``/tmp``, where uv and Python look for files."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

from flask_modwsgi.config.project import Project
from flask_modwsgi.machine import trust
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import installers

UV = Path(sys.executable).with_name("uv")
needs_uv = pytest.mark.skipif(not UV.exists(), reason="uv is not installed here")
PACKAGE = '[project]\nname = "blog"\nversion = "1"\ndependencies = []\n'
# Which builds itself, so that nothing is downloaded.
BUILD = '[build-system]\nrequires = []\nbuild-backend = "build"\nbackend-path = ["."]\n'
BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/blog-1-py3-none-any.whl", "w") as wheel:
        for name in ("METADATA", "WHEEL", "RECORD"):
            wheel.writestr(f"blog-1.dist-info/{name}", META[name])
    return "blog-1-py3-none-any.whl"
"""


def metadata(name: str) -> dict[str, str]:
    wheel = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        "WHEEL": wheel,
        "RECORD": "",
    }


def put_wheel(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        for part, text in metadata(name).items():
            wheel.writestr(f"{name}-1.dist-info/{part}", text)
    return file


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like ``/tmp`` with a project, and a folder of another user with the package ``x``.

    The login has its own configuration of uv, with the package ``y``. Nothing is downloaded.
    """
    place = tmp_path.resolve() / "shared"
    (place / "blog").mkdir(parents=True)
    place.chmod(0o1777)
    put_wheel(place / "theirs", "x")
    own = put_wheel(tmp_path / "own", "y").parent
    (tmp_path / "login/uv").mkdir(parents=True)
    (tmp_path / "login/uv/uv.toml").write_text(f'find-links = ["{own}"]\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "login"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{UV.parent}{os.pathsep}{os.environ['PATH']}")
    (place / "blog/pyproject.toml").write_text(PACKAGE)
    (place / "blog/requirements.txt").write_text("x\n")
    return place


def installed(shared: Path, *words: str) -> bool:
    """Whether that can be installed."""
    own, target = Project(shared / "blog"), shared / "blog/new"
    if not target.exists():
        subprocess.run(
            [UV, "venv", "-q", "--no-config", "--python", sys.executable, target], check=True
        )
    try:
        installers.install(own, "Installing", target, *words)
    except Problem as problem:
        assert problem.slug in ("package-unknown", "network-unreachable"), problem
        return False
    return True


FOUND_ABOVE = {  # by uv, for a project without configuration of its own
    "uv.toml": 'find-links = ["theirs"]\n',
    "pyproject.toml": '[tool.uv]\nfind-links = ["theirs"]\n',
}


@needs_uv
@pytest.mark.parametrize("file", FOUND_ABOVE)
def test_uv_takes_no_configuration_of_others(shared: Path, file: str) -> None:
    (shared / file).write_text(FOUND_ABOVE[file])
    assert not installed(shared, "x")
    assert installed(shared, "y")  # by the configuration of the login


@needs_uv
@pytest.mark.parametrize("is_editable", [True, False])
def test_uv_takes_no_workspace_of_others(shared: Path, is_editable: bool) -> None:
    """By which a project gets another configuration, and its dependencies come from other places."""
    (shared / "pyproject.toml").write_text(
        '[tool.uv]\nfind-links = ["theirs"]\n[tool.uv.workspace]\nmembers = ["blog"]\n'
        '[tool.uv.sources]\nx = { path = "theirs/x-1-py3-none-any.whl" }\n'
    )
    blog = shared / "blog"
    (blog / "pyproject.toml").write_text(PACKAGE.replace("[]", '["x"]') + BUILD)
    (blog / "build.py").write_text(f"META = {metadata('blog')!r}\n{BACKEND}")
    assert not installed(shared, *(("-e", ".") if is_editable else ("x",)))


OWN = {  # configuration of the project itself, or of a library that it requires
    "uv.toml": 'find-links = ["wheels"]\n',
    "pyproject.toml": f'{PACKAGE}[tool.uv]\nfind-links = ["wheels"]\n',
    "lib/pyproject.toml": '[tool.uv.sources]\nz = { path = "../z" }\n',
}


@needs_uv
@pytest.mark.parametrize("file", OWN)
def test_a_project_has_configuration_of_its_own(
    shared: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root would have to do without it, or trust that nobody makes a workspace around the project."""
    own = Project(shared / "blog")
    (own.root / "lib").mkdir()
    (own.root / file).write_text(OWN[file])
    (own.root / "requirements.txt").write_text("./lib\n")
    put_wheel(own.root / "wheels", "z")
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert installed(shared, "z") == (file in ("uv.toml", "pyproject.toml"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Problem) as refused:
        installers.install(own, "Installing", own.root / "new", "y")
    assert refused.value.slug == "project-untrusted"
    assert refused.value.remedy == (f"mv {own.root} /srv/ && /srv/blog/run setup",)


@needs_uv
def test_where_nobody_else_can_put_files_uv_looks_above(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a project in a repository with others."""
    (shared / "uv.toml").write_text(FOUND_ABOVE["uv.toml"])
    monkeypatch.setattr(trust, "shared_above", lambda path: None)  # the tests may be in /tmp
    assert installed(shared, "x")


def test_a_library_may_lie_there_alone(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv looks above each package, too."""
    site = Project(shared.parent / "site")
    (site.root).mkdir()
    (shared / "lib").mkdir()
    (site.root / "requirements.txt").write_text("-e ../shared/lib\n")
    monkeypatch.setattr(  # the tests may be in /tmp
        trust, "shared_above", lambda path: shared if path.is_relative_to(shared) else None
    )
    assert installers._apart(site) == ("--project=/", "--no-sources")


def test_a_repository_around_a_project_has_configuration(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Project(shared / "mono" / "site")
    site.root.mkdir(parents=True)
    (shared / "mono" / "uv.toml").write_text(OWN["uv.toml"])
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert installers._apart(site) == ()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Problem, match="project-untrusted"):
        installers._apart(site)


HOOKS = ("pre_gen_project.py", "post_gen_project.py")


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_import_nothing_that_others_put_beside_their_copy(tmp_path: Path, hook: str) -> None:
    """cookiecutter writes them into the folder for temporary files, and runs them there."""
    text = (ROOT / "hooks" / hook).read_text("utf-8")
    for expression, given in (
        ("{{ cookiecutter | tojson }}", '{"install": false}'),
        ("{{ template_checkout() | tojson }}", f'"{tmp_path}"'),
    ):
        text = text.replace(expression, given)
    (tmp_path / hook).write_text(text)
    for name in {"__future__", *sys.stdlib_module_names} - {"sys"}:
        (tmp_path / f"{name}.py").write_text(f"import sys; sys.__stderr__.write('{name} executed')")
    done = subprocess.run(
        [sys.executable, tmp_path / hook], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert "executed" not in done.stderr and "Traceback" not in done.stderr
    assert "project" in done.stderr  # what it says of such answers, in such a folder
