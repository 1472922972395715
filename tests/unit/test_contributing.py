"""The steps in CONTRIBUTING.md are applied to a copy of the repository, and work."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, copy_template
from documented import apply

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BLOCK = re.compile(
    r"^ {3}```(diff|sh)\n(.*?)^ {3}```$|`([^`\n]+/[^`\n]+|[\w.]+\.(?:json|md))`", re.M | re.S
)


def steps(heading: str) -> list[str]:
    section = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    (own,) = [part for part in section if part.startswith(f"{heading}\n")]
    return re.split(r"^\d\. ", own, flags=re.MULTILINE)[1:]


def follow(step: str, copy: Path, types_commands: bool = True) -> None:
    """Do what a step says: a diff is of the file that was named last."""
    file = copy / "none"
    for kind, block, name in BLOCK.findall(step):
        lines = [line.removeprefix("   ") for line in block.splitlines()]
        if kind == "diff":
            apply(file, lines)
        elif kind == "sh":
            if types_commands:
                call(copy, *lines)
        else:
            file = copy / name


def call(copy: Path, *commands: str) -> None:
    env = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    for command in commands:
        done = subprocess.run(
            re.sub(r"^\.venv/bin/python", shlex.quote(sys.executable), command),
            shell=True,
            cwd=copy,
            env=env
            | {"PYTHON": shlex.quote(sys.executable), "PYTEST_DEBUG_TEMPROOT": str(copy.parent)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, command + done.stdout + done.stderr
        if "pytest" in command:
            assert re.search(r"[1-9]\d* passed", done.stdout), done.stdout


RUFF = ("check", "format --check")
SHOWS = {
    "Add a setting": ("{{cookiecutter.project_slug}}/.env.example", "\nLISTEN_BACKLOG=2048\n"),
    "Add a check": ("docs/troubleshooting.md", "### `env-committed`"),
    "Add a question": ("cookiecutter.json", '"author"'),
}


@pytest.mark.parametrize("heading", SHOWS)
def test_five_steps(heading: str, tmp_path: Path) -> None:
    copy = copy_template(tmp_path / "copy")
    subprocess.run(["git", "init", "--quiet", copy], check=True)
    file, shown = SHOWS[heading]
    assert shown not in (copy / file).read_text("utf-8")
    todo = steps(heading)
    assert len(todo) == 5
    for step in todo:
        follow(step, copy)
    assert shown in (copy / file).read_text("utf-8")
    describe(copy / "CHANGELOG.md")
    call(copy, ".venv/bin/python -m pytest -q -n 0 tests/unit/test_release.py")
    call(copy, *(f".venv/bin/python -m ruff {words} --no-cache ." for words in RUFF))


@pytest.mark.slow
def test_the_results_pass_make_lint(tmp_path: Path) -> None:
    """All in one copy, because mypy reads everything."""
    copy = copy_template(tmp_path / "copy")
    for heading in SHOWS:
        for step in steps(heading):
            follow(step, copy, types_commands=False)
    lint = ".venv/bin/python -m pytest -q -n 0 tests/unit/test_lint.py"
    call(copy, "git init --quiet", "git add --all", lint)


def describe(changelog: Path) -> None:
    """Add a line for users, under a heading that a release has removed."""
    text, heading = changelog.read_text("utf-8"), "\n## [Unreleased]\n"
    if heading not in text:
        text = text.replace("\n## [", f"{heading}\n## [", 1)
    changelog.write_text(text.replace(heading, f"{heading}\n### Added\n\n- It is new.\n"), "utf-8")


def test_the_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    request = (ROOT / ".github/pull_request_template.md").read_text("utf-8")
    named = re.findall(r"`make ([a-z-]+)", request)
    assert {"lint", "test-fast"} <= set(named)
    for target in [*named, *re.findall(r"\bmake ([a-z-]+)", TEXT)]:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_tests_that_the_makefile_names_exist() -> None:
    """A name of another test would choose nothing, and nobody would be told."""
    named = set(re.findall(r"\btest_\w+", (ROOT / "Makefile").read_text("utf-8")))
    files = {path.stem: path for path in ROOT.glob("tests/*/test_*.py")}
    texts = (path.read_text("utf-8") for path in files.values())
    functions = {
        name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    }
    assert len(named) > 6
    assert named - files.keys() <= functions


FORMS = [path for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml") if path.stem != "config"]


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_a_form_is_complete(form: Path) -> None:
    """As GitHub requires it: https://docs.github.com/en/communities, "Syntax for issue forms"."""
    fields = yaml.safe_load(form.read_text("utf-8"))
    assert all(fields[name] for name in ("name", "description", "body"))
    ids = [field["id"] for field in fields["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 0
    for field in fields["body"]:
        assert field["attributes"]["value" if field["type"] == "markdown" else "label"]


def test_the_form_asks_for_the_report() -> None:
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/problem.yml").read_text("utf-8"))
    required = [field for field in form["body"] if field.get("validations", {}).get("required")]
    asked = [field["attributes"].get("description", "") for field in required]
    assert any("`./run doctor --report`" in text for text in asked)


def test_clean(tmp_path: Path) -> None:
    copy = copy_template(tmp_path / "copy")
    before = {path for path in copy.rglob("*") if path.is_file()}
    recipe = (copy / "Makefile").read_text("utf-8").partition("\nclean:")[2].partition("\n\n")[0]
    (folders,) = re.findall(r"^\trm -rf (.*)$", recipe, re.MULTILINE)
    made = [copy / name / "file" for name in (*folders.split(), "src/flask_modwsgi/__pycache__")]
    kept = copy / ".venv/lib/__pycache__/file"
    assert len(made) > 6
    for file in (*made, kept):
        file.parent.mkdir(parents=True)
        file.touch()
    call(copy, "make clean")
    assert {path for path in copy.rglob("*") if path.is_file()} == {*before, kept}
    assert not any(file.parent.exists() for file in made)


def test_the_map_has_the_folders_of_the_package() -> None:
    (drawn,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    for folder in (ROOT / "src/flask_modwsgi").glob("*/"):
        if not folder.name.startswith("__"):
            assert folder.name in drawn, folder.name
