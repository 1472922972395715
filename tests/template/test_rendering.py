"""What is generated: the exact files, complete, tidy and the same without hooks."""

import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from conftest import QUESTIONS, ROOT, TEMPLATE, Bake, Baked, derive
from cookiecutter.main import cookiecutter
from pytest_cookies.plugin import Cookies

FILES = {
    ".env.example",
    ".gitignore",
    "README.md",
    "hello_flask.wsgi",
    "hello_flask/__init__.py",
    "hello_flask/__main__.py",
    "hello_flask/errors.py",
    "hello_flask/health.py",
    "hello_flask/static/icon.svg",
    "hello_flask/static/style.css",
    "hello_flask/templates/error.html",
    "hello_flask/templates/index.html",
    "hello_flask/templates/layout.html",
    "hello_flask/views.py",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements.txt",
    "run",
    "tests/conftest.py",
    "tests/test_apache.py",
    "tests/test_pages.py",
}

Contents = dict[str, tuple[bytes, bool]]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def directories(names: set[str]) -> set[str]:
    return {parent.as_posix() for name in names for parent in Path(name).parents} - {"."}


def contents(folder: Path) -> Contents:
    """Of every file, its bytes and whether it can be executed."""
    return {
        name: ((folder / name).read_bytes(), os.access(folder / name, os.X_OK))
        for name in files(folder)
    }


def ruff(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def rendered(baked: Baked) -> list[str]:
    """The files Jinja has touched, from their places in the template."""
    patterns = derive()["_copy_without_render"]
    names = {
        name: name.replace(baked.answers["app_name"], "{{cookiecutter.app_name}}")
        for name in files(baked.path)
    }
    return [
        name
        for name, source in names.items()
        if not any(fnmatch(source, pattern) for pattern in [*patterns, "server/*"])
    ]


def test_exactly_these_files(defaults: Baked) -> None:
    server = {f"server/{name}" for name in files(TEMPLATE / "server")}
    assert files(defaults.path) == FILES | server
    found = {path.relative_to(defaults.path).as_posix() for path in defaults.path.rglob("*/")}
    assert found - {"."} == directories(FILES | server)


def test_hooks_off_gives_the_same(defaults: Baked, cookies: Cookies, tmp_path: Path) -> None:
    plain = cookiecutter(
        str(ROOT),
        no_input=True,
        accept_hooks=False,
        output_dir=str(tmp_path),
        config_file=str(cookies._config_file),
    )
    assert contents(Path(plain)) == contents(defaults.path)


def test_no_delimiters_are_left(defaults: Baked) -> None:
    for name in rendered(defaults):
        text = defaults.read(name)
        if "/templates/" in name:
            assert "cookiecutter" not in text, name
            assert "raw %}" not in text, name
        else:
            assert not re.findall(r"{{|}}|{%|%}|{#|#}", text), name


def test_server_is_copied(defaults: Baked) -> None:
    """An update replaces it whole, so nothing in it depends on the answers."""
    assert contents(defaults.path / "server") == contents(TEMPLATE / "server")


def test_text_is_tidy(defaults: Baked) -> None:
    """Rendering leaves no blank lines, trailing spaces or carriage returns."""
    for name, (content, _) in contents(defaults.path).items():
        text = content.decode()
        assert not re.search(r"\r|[ \t]\n|\n{4}|\A\n|\n\n\Z|[^\n]\Z", text), name


def test_unrendered_patterns_are_all_needed() -> None:
    paths = [path.relative_to(TEMPLATE).as_posix() for path in TEMPLATE.rglob("*")]
    for pattern in derive()["_copy_without_render"]:
        assert any(fnmatch(path, pattern) for path in paths), pattern


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"project_slug": "Other.Name-1"},
        {"app_name": "zoo", "root_path": "/opt/zoo", "mount_point": "/zoo", "port": "65535"},
        *({"apache": choice} for choice in QUESTIONS["apache"]),
    ],
    ids=str,
)
def test_answers_reach_the_files(bake: Bake, answers: dict[str, Any]) -> None:
    baked = bake(**answers)
    expected = {**derive(), **derive(**answers)}
    pyproject = tomllib.loads(baked.read("pyproject.toml"))
    assert baked.path.name == expected["project_slug"]
    assert pyproject["project"]["name"] == expected["project_slug"]
    assert pyproject["project"]["description"] == expected["project_name"]
    assert pyproject["tool"]["flask-modwsgi"] == {
        key: expected[key] for key in ("app_name", "root_path", "apache")
    }
    settings = dict(re.findall(r"^(\w+)=(.*)$", baked.read(".env.example"), re.MULTILINE))
    assert settings["PORT"] == expected["port"]
    assert settings["MOUNT_POINT"] == expected["__mount_point"]
    assert (baked.path / expected["app_name"] / "__init__.py").is_file()
    assert f"from {expected['app_name']} import" in baked.read(f"{expected['app_name']}.wsgi")
    check = ruff(baked.path, "check")
    assert check.returncode == 0, check.stdout
    check = ruff(baked.path, "format", "--check")
    assert check.returncode == 0, check.stdout


def test_ruff_would_find_something(bake: Bake) -> None:
    baked = bake()
    script = baked.path / "hello_flask.wsgi"
    script.write_text(script.read_text("utf-8") + "import  os\n", "utf-8")
    assert "F401" in ruff(baked.path, "check").stdout
    assert "hello_flask.wsgi" in ruff(baked.path, "format", "--check").stdout


def test_python_compiles(defaults: Baked) -> None:
    sources = [name for name in files(defaults.path) if name.endswith((".py", ".wsgi"))]
    assert "hello_flask.wsgi" in sources
    for name in sources:
        compile(defaults.read(name), name, "exec")


def test_only_run_is_executable(defaults: Baked) -> None:
    executable = {name for name, (_, can_run) in contents(defaults.path).items() if can_run}
    assert executable == {"run"}
