"""Compile every list of packages again, with the newest releases: ``make upgrade``."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "requirements"
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
UV = Path(sys.executable).with_name("uv")
UNIVERSAL = ("--universal", "--python-version", "3.11")
PYPROJECT = """\
[project]
name = "project"
version = "1"
requires-python = ">=3.11"
dependencies = ["Flask"]
[dependency-groups]
dev = ["pytest", "ruff"]
"""


def compiled(*words: str, folder: Path = HERE, source: str = "") -> str:
    """What uv prints; it reads `source` where a word is ``-``."""
    command = [UV, "pip", "compile", "--quiet", "--upgrade", "--generate-hashes", "--no-header"]
    done = subprocess.run(
        [*command, *words], cwd=folder, input=source, text=True, stdout=subprocess.PIPE
    )
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def tools() -> None:
    """The tools that work on this repository; each list is bounded by those before it."""
    for name in ("demo", "test", "docs", "tools", "actionlint"):
        (HERE / f"{name}.txt").write_text(compiled(*UNIVERSAL, f"{name}.in"), "utf-8")


def deployment() -> None:
    """The programs that check deploy/, each in an environment of its own."""
    for file in (HERE / "deploy").glob("*.in"):
        text = compiled(*UNIVERSAL, file.name, folder=file.parent)
        file.with_suffix(".txt").write_text(text, "utf-8")


def contenders() -> None:
    """The servers with which the benchmarks compare."""
    text = compiled(*UNIVERSAL, "requirements.in", folder=ROOT / "benchmarks")
    (ROOT / "benchmarks" / "requirements.txt").write_text(text, "utf-8")


def applications() -> None:
    """What the tests of applications install; without hashes, which all lists would need then."""
    folder = ROOT / "tests/apps"
    lists = sorted(folder.glob("applications/*/requirements.txt"))
    unpinned = [str(file) for file in lists if "--hash=" not in file.read_text("utf-8")]
    options = (*UNIVERSAL, "--no-generate-hashes", "--no-annotate")
    for name, others in {"constraints": unpinned, "ihatemoney": []}.items():
        text = compiled(*options, f"{name}.in", *others, folder=folder)
        (folder / f"{name}.txt").write_text(text, "utf-8")


def package() -> None:
    """What flask-modwsgi installs: the same packages as before, and nothing that they need."""
    for file in (ROOT / "src/flask_modwsgi/setup/pins").glob("*.txt"):
        names = re.findall(r"^([\w.-]+)==", file.read_text("utf-8"), re.MULTILINE)
        options = (*UNIVERSAL, "--no-deps", "--no-annotate", "-")
        text = compiled(*options, source="\n".join(names))
        for name in names:  # as its own index spells it
            text = text.replace(f"{name.replace('_', '-')}==", f"{name}==")
        file.write_text(text, "utf-8")


def project() -> None:
    """What a generated project starts with, by the commands of its README."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(PYPROJECT)
        for list_name, words in {
            "requirements.txt": ("pyproject.toml",),
            "requirements-dev.txt": ("-c", "requirements.txt", "--group", "dev"),
        }.items():
            text = compiled(*UNIVERSAL, *words, folder=folder)
            (folder / list_name).write_text(text, "utf-8")
            own = text.replace("via project (", "via {{ cookiecutter.project_slug }} (")
            (TEMPLATE / list_name).write_text(own, "utf-8")


if __name__ == "__main__":
    tools()
    deployment()
    contenders()
    applications()
    package()
    project()
