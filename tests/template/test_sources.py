"""Where a template may come from: a folder, git, a zip file, a replay, and cruft with its updates."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import TEMPLATE, copy_template

# In place of the template's own `run`, to see what the hook calls without building anything.
RUN = '#!/bin/sh\necho "$*" >> calls\n'


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a version")


@pytest.fixture(scope="module", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of cookiecutter and git is read from or left in the home directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))
        for name in ("COOKIECUTTER_CONFIG", "GIT_DIR", "GIT_CONFIG_GLOBAL"):
            patch.delenv(name, raising=False)
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "Somebody")
            patch.setenv(f"GIT_{role}_EMAIL", "somebody@example.com")
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with this template as its first version."""
    folder = copy_template(tmp_path_factory.mktemp("git") / "flask-modwsgi")
    (folder / TEMPLATE.name / "run").write_text(RUN)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder)
    return folder


def call(folder: Path, program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", program, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def check_project(project: Path) -> None:
    """It has its one wheel, and was set up once."""
    assert (project / "calls").read_text() == "setup\n"
    assert len(list((project / "wheels").iterdir())) == 1
    assert (project / "hello_flask.wsgi").exists()


def absolute(template: Path, folder: Path) -> list[str]:
    return [str(template)]


def relative(template: Path, folder: Path) -> list[str]:
    return [os.path.relpath(template, folder)]


def git_url(template: Path, folder: Path) -> list[str]:
    bare = folder.parent / "flask-modwsgi.git"
    git(folder, "clone", "--quiet", "--bare", str(template), str(bare))
    return [f"file://{bare}"]


def zip_file(template: Path, folder: Path) -> list[str]:
    """As a forge offers it: one folder, whose files have lost their modes."""
    archive = folder.parent / "main.zip"
    git(template, "archive", "--prefix=flask-modwsgi-main/", f"--output={archive}", "HEAD")
    return [str(archive)]


@pytest.mark.parametrize("source", [absolute, relative, git_url, zip_file])
def test_cookiecutter(template: Path, tmp_path: Path, source: Callable[..., list[str]]) -> None:
    folder = tmp_path / "projects"
    folder.mkdir()
    made = call(folder, "cookiecutter", *source(template, folder), "--no-input")
    assert made.returncode == 0, made.stderr
    check_project(folder / "hello-flask")
    wheel = next((folder / "hello-flask/wheels").iterdir()).read_bytes()

    # Whoever repeats it gets the same. cookiecutter asks before it downloads a template again.
    shutil.rmtree(folder / "hello-flask")
    if source in (absolute, relative):
        made = call(folder, "cookiecutter", *source(template, folder), "--replay")
        assert made.returncode == 0, made.stderr
        check_project(folder / "hello-flask")
        assert next((folder / "hello-flask/wheels").iterdir()).read_bytes() == wheel


def test_without_install(template: Path, tmp_path: Path) -> None:
    made = call(tmp_path, "cookiecutter", template, "--no-input", "install=no")
    assert made.returncode == 0, made.stderr
    assert not (tmp_path / "hello-flask/calls").exists()
    assert len(list((tmp_path / "hello-flask/wheels").iterdir())) == 1


@pytest.fixture
def cruft_project(template: Path, tmp_path: Path) -> Path:
    """A project that `cruft create` has made and its owner has committed."""
    made = call(tmp_path, "cruft", "create", f"file://{template}", "--no-input")
    assert made.returncode == 0, made.stdout + made.stderr
    project = tmp_path / "hello-flask"
    check_project(project)
    (project / "calls").unlink()
    git(project, "init", "--quiet")
    commit(project)
    return project


def test_cruft_is_quiet_after_create(cruft_project: Path) -> None:
    for verb in (["check"], ["diff", "--exit-code"]):
        done = call(cruft_project, "cruft", *verb)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == ""
    assert not (cruft_project / "calls").exists()
    assert git(cruft_project, "status", "--porcelain") == ""


def test_cruft_create_refuses(template: Path, tmp_path: Path) -> None:
    """In the same sentences as cookiecutter, and nothing is left behind."""
    folder = tmp_path / "projects"
    folder.mkdir()
    answers = json.dumps({"project_slug": "../evil", "port": "0"})
    made = call(
        folder, "cruft", "create", f"file://{template}", "--no-input", "--extra-context", answers
    )
    assert made.returncode == 1
    assert made.stderr.startswith("\nNo project can be made from these answers:\n")
    assert made.stderr.endswith("\nNo file was written.\n")
    assert "project_slug: '../evil' was given." in made.stderr
    assert "port: '0' was given." in made.stderr
    assert list(tmp_path.rglob("*")) == [folder]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def test_cruft_update(template: Path, cruft_project: Path, tmp_path: Path) -> None:
    """From one version to the next: a new wheel, the rest merged, and nothing else is touched."""
    newer = tmp_path / "newer"
    git(tmp_path, "clone", "--quiet", str(template), str(newer))
    source = newer / "src/flask_modwsgi"
    (source / "__init__.py").write_text('"""Newer."""\n\n__version__ = "9.9"\n')
    (source / "added.py").write_text('"""New."""\n')
    own = newer / TEMPLATE.name
    edit(own / "README.md", "## Run\n", "## Run it\n")
    edit(own / "{{cookiecutter.app_name}}/views.py", '"""The pages."""', '"""All pages."""')
    (own / "NEW.md").write_text("# News\n")
    commit(newer)

    edit(cruft_project / "hello_flask/views.py", "index()", "home()")
    edit(cruft_project / "README.md", "## Test\n", "## Tests\n")
    edit(cruft_project / "requirements.txt", "blinker==", "alembic\nblinker==")
    (cruft_project / "hello_flask/health.py").unlink()
    commit(cruft_project)
    done = call(cruft_project, "cruft", "update", "--skip-apply-ask", "--template-path", newer)
    assert "Good work!" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0

    status = git(cruft_project, "status", "--porcelain", "--untracked-files=all", "--no-renames")
    changed = {line[3:] for line in status.splitlines()}
    (wheel,) = (cruft_project / "wheels").iterdir()
    assert wheel.name == "flask_modwsgi-9.9-py3-none-any.whl"
    assert {name for name in changed if not name.startswith("wheels/")} == {
        ".cruft.json",
        "NEW.md",
        "README.md",
        "pyproject.toml",
        "hello_flask/views.py",
    }
    views = (cruft_project / "hello_flask/views.py").read_text()
    assert ('"""All pages."""' in views, "home()" in views) == (True, True)
    readme = (cruft_project / "README.md").read_text()
    assert ("## Run it\n" in readme, "## Tests\n" in readme) == (True, True)
    assert not (cruft_project / "calls").exists()

    fresh = call(tmp_path, "cookiecutter", newer, "--no-input", "--output-dir", tmp_path / "fresh")
    assert fresh.returncode == 0, fresh.stderr
    made = tmp_path / "fresh/hello-flask/wheels" / wheel.name
    assert made.read_bytes() == wheel.read_bytes()


def test_cruft_marks_what_both_have_changed(
    template: Path, cruft_project: Path, tmp_path: Path
) -> None:
    """As docs/updating.md says: in the file, and `git status` lists it."""
    newer = tmp_path / "newer"
    git(tmp_path, "clone", "--quiet", str(template), str(newer))
    edit(newer / TEMPLATE.name / "README.md", "## Run\n", "## Run it\n")
    commit(newer)
    edit(cruft_project / "README.md", "## Run\n", "## How to run it\n")
    commit(cruft_project)
    done = call(cruft_project, "cruft", "update", "--skip-apply-ask", "--template-path", newer)
    assert done.returncode == 0, done.stderr
    readme = (cruft_project / "README.md").read_text()
    assert "\n<<<<<<< ours\n## How to run it\n=======\n## Run it\n>>>>>>> theirs\n" in readme
    assert "UU README.md" in git(cruft_project, "status", "--porcelain").splitlines()
