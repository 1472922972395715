"""What is generated: the exact files, complete, tidy and the same without hooks."""

import grp
import io
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import QUESTIONS, ROOT, TEMPLATE, Bake, Baked, derive
from cookiecutter.main import cookiecutter
from dotenv import dotenv_values
from pytest_cookies.plugin import Cookies

from flask_modwsgi import __version__
from flask_modwsgi.config import settings

FILES = {
    ".dockerignore",
    ".env.example",
    ".gitattributes",
    ".github/dependabot.yml",
    ".github/workflows/tests.yml",
    ".gitignore",
    ".vscode/launch.json",
    "README.md",
    "deploy/Caddyfile",
    "deploy/Containerfile",
    "deploy/compose.yaml",
    "deploy/hello-flask.service",
    "deploy/kubernetes/base/kustomization.yaml",
    "deploy/kubernetes/base/network.yaml",
    "deploy/kubernetes/base/scaling.yaml",
    "deploy/kubernetes/base/settings.env",
    "deploy/kubernetes/base/web.yaml",
    "deploy/kubernetes/migrate/job.yaml",
    "deploy/kubernetes/migrate/kustomization.yaml",
    "deploy/kubernetes/monitoring/kustomization.yaml",
    "deploy/kubernetes/monitoring/service-monitor.yaml",
    "deploy/kubernetes/production/kustomization.yaml",
    "deploy/kubernetes/staging/kustomization.yaml",
    "deploy/vhost.conf",
    "deploy/vhost.wsgi",
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
    "hello_flask/welcome.py",
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
        if not any(fnmatch(source, pattern) for pattern in [*patterns, "wheels/*"])
    ]


def test_exactly_these_files(defaults: Baked) -> None:
    wheel = f"wheels/flask_modwsgi-{__version__}-py3-none-any.whl"
    assert files(defaults.path) == {*FILES, wheel}
    found = {path.relative_to(defaults.path).as_posix() for path in defaults.path.rglob("*/")}
    assert found - {"."} == directories({*FILES, wheel})


def test_a_reader_is_done_in_ten_minutes(defaults: Baked) -> None:
    """The user's own part is short: without tests, pins and the one file of settings."""
    apart = re.compile(r"tests/|deploy/|\.github/|\.vscode/|wheels/|requirements|\.env|\.docker")
    own = [name for name in files(defaults.path) if not apart.match(name)]
    assert len(own) <= 25
    assert sum(len(defaults.read(name).splitlines()) for name in own) <= 450


def test_a_clone_with_line_ends_of_windows_runs(defaults: Baked, tmp_path: Path) -> None:
    """And what ``-e .`` and setup leave is ignored."""
    folder = shutil.copytree(defaults.path, tmp_path / "project")
    for name in ("hello_flask.egg-info", ".venv", ".venv.before", "var"):
        (folder / name).mkdir()
        (folder / name / "left").touch()
    env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    author = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (
        ["init", "-q", str(folder)],
        ["-C", str(folder), "add", "."],
        ["-C", str(folder), *author, "commit", "-q", "-m", "All"],
        ["-c", "core.autocrlf=true", "clone", "-q", str(folder), str(tmp_path / "clone")],
    ):
        subprocess.run(["git", *words], env=env, check=True)
    clone = tmp_path / "clone"
    there = {name for name in files(clone) if not name.startswith(".git/")}
    assert there == files(defaults.path)
    assert b"\r\n" in (clone / "pyproject.toml").read_bytes()
    for name in ("run", *(name for name in there if name.startswith("wheels/"))):
        assert (clone / name).read_bytes() == (folder / name).read_bytes(), name


def test_hooks_off_gives_the_same(defaults: Baked, cookies: Cookies, tmp_path: Path) -> None:
    plain = cookiecutter(
        str(ROOT),
        no_input=True,
        accept_hooks=False,
        output_dir=str(tmp_path),
        config_file=str(cookies._config_file),
    )
    hooked = contents(defaults.path)
    assert contents(Path(plain)) == {name: hooked[name] for name in FILES}


def test_hooks_off_and_what_to_do(defaults: Baked, tmp_path: Path) -> None:
    """`./run` of a project without its wheel says how to get it."""
    project = tmp_path / "project"
    shutil.copytree(defaults.path, project, ignore=shutil.ignore_patterns("wheels"))
    done = subprocess.run([project / "run"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "git checkout -- wheels" in done.stderr
    command = "\n".join(re.findall("^  (.*)", done.stderr, re.MULTILINE))
    command = command.replace("PATH_OF_THE_TEMPLATE", shlex.quote(str(ROOT)))
    without_pip = shlex.quote(sys.executable) + " -B -S"
    built = subprocess.run(
        ["sh", "-c", command.replace("python3", without_pip)],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    assert contents(project / "wheels") == contents(defaults.path / "wheels")


def test_no_delimiters_are_left(defaults: Baked) -> None:
    for name in rendered(defaults):
        text = defaults.read(name)
        if "/templates/" in name:
            assert "cookiecutter" not in text, name
            assert "raw %}" not in text, name
        else:
            assert not re.findall(r"{{|}}|{%|%}|{#|#}", text), name


def test_text_is_tidy(defaults: Baked) -> None:
    """Rendering leaves no blank lines, trailing spaces or carriage returns."""
    for name in FILES:
        text = (defaults.path / name).read_bytes().decode()
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
        {"project_slug": "on"},
        {"project_slug": "news"},
        {"project_slug": "2048"},
        {"project_name": "The quarterly financial reporting portal"},
        {"project_slug": "1e3", "root_path": "/srv/a.b-c_d+e@f~g=h,i"},
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
        "app_name": expected["app_name"],
        "apache": expected["apache"],
        "made_with": __version__,
    }
    unit = baked.read(f"deploy/{expected['project_slug']}.service")
    image = baked.read("deploy/Containerfile")
    assert f"\nWORKDIR {expected['root_path']}\n" in image
    assert f" MOUNT_POINT={expected['__mount_point']} " in image
    compose = yaml.safe_load(baked.read("deploy/compose.yaml"))
    assert re.fullmatch("[a-z0-9][a-z0-9-]{0,62}", compose["name"])
    web = compose["services"]["web"]
    assert web["environment"]["MOUNT_POINT"] == expected["__mount_point"]
    assert f"{expected['root_path']}/var:mode=1777" in web["tmpfs"]
    assert f"\nExecStart={expected['root_path']}/run serve " in unit
    assert f"\nRequiresMountsFor={expected['root_path']}\n" in unit
    assert f"\nReadWritePaths=-{expected['root_path']}/var/data -" in unit
    # What useradd takes, and systemd does not take for a number.
    [account] = re.findall("^User=([a-z][a-z0-9-]{0,31})$", unit, re.MULTILINE)
    assert f"\n    useradd --system --user-group --home-dir /nonexistent {account}\n" in baked.read(
        "README.md"
    )
    assert account == derive(**answers)["__account"]
    assert f" user={account} group={account} " in baked.read("deploy/vhost.conf")
    settings = dict(re.findall(r"^(\w+)=(.*)$", baked.read(".env.example"), re.MULTILINE))
    assert settings["PORT"] == expected["port"]
    assert settings["MOUNT_POINT"] == expected["__mount_point"]
    assert (baked.path / expected["app_name"] / "__init__.py").is_file()
    assert f"from {expected['app_name']} import" in baked.read(f"{expected['app_name']}.wsgi")
    check = ruff(baked.path, "check")
    assert check.returncode == 0, check.stdout
    check = ruff(baked.path, "format", "--check")
    assert check.returncode == 0, check.stdout


@pytest.mark.parametrize(
    "slug",
    ["root", "mail", "News", "list", "messagebus", "www-data", "systemd-network", "ssl-cert"],
)
def test_the_account_is_none_of_the_system(slug: str) -> None:
    """Its owner removes it with userdel."""
    account = derive(project_slug=slug)["__account"]
    assert account == f"app-{slug.lower()}"
    assert account not in {one.pw_name for one in pwd.getpwall()}
    assert account not in {one.gr_name for one in grp.getgrall()}


def test_the_account_of_a_long_name_has_both_its_ends() -> None:
    """Two sites must not share one because their names begin alike."""
    slug = "my-company-internal-website"
    names = [f"{slug}-staging", f"{slug}-production", f"other-{slug}-staging", f"2nd-{slug}"]
    accounts = {derive(project_slug=name)["__account"] for name in names}
    assert len(accounts) == len(names)
    assert all(re.fullmatch("[a-z]([a-z0-9]|-(?!-)){0,31}", account) for account in accounts)
    assert derive(project_slug="x" * 64)["__account"] == f"{'x' * 13}-{'x' * 14}"


def test_the_site_of_a_shared_apache_has_the_defaults_of_the_settings(defaults: Baked) -> None:
    text = defaults.read("deploy/vhost.conf").replace("\\\n", " ")
    given = dotenv_values(stream=io.StringIO(defaults.read(".env.example")))
    chosen = settings.load({name: value or "" for name, value in given.items()})
    for words in (
        f" processes=2 threads={chosen.threads} ",
        f" request-timeout={chosen.request_limit} graceful-timeout={chosen.stop_limit} ",
        f"\n    LimitRequestBody {chosen.max_upload_mb * 2**20}\n",
        f"\n    LimitRequestLine {chosen.max_header_kb * 2**10}\n",
    ):
        assert words in text
    own = (ROOT / "src/flask_modwsgi/apache/conf/browsers.conf").read_text("utf-8")
    own = own.replace("${CONTENT_SECURITY_POLICY}", chosen.content_security_policy)
    assert headers(text) == headers(own)
    assert len(headers(text)) == 6


def headers(configuration: str) -> set[tuple[str, ...]]:
    """Those that Apache sends unless the application does, with value and condition."""
    lines = configuration.replace("\\\n", " ").splitlines()
    words = [shlex.split(line) for line in lines if '"expr=-z resp(' in line]
    return {tuple(one) for one in words}


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


ONLY_PINNED = r"""
import re, runpy, sys
from importlib import metadata
from pathlib import Path

pinned = set(re.findall(r"^([\w-]+)==", Path("requirements.txt").read_text(), re.MULTILINE))
lacking = {
    module
    for module, packages in metadata.packages_distributions().items()
    if pinned.isdisjoint(map(str.lower, packages))
}
assert {"dotenv", "pytest"} <= lacking

class Lacking:
    def find_spec(name, path=None, target=None):
        if name in lacking:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Lacking)
sys.path.insert(0, "")
runpy.run_module("hello_flask", run_name="__main__", alter_sys=True)
"""


def test_without_apache_it_needs_only_what_is_pinned(defaults: Baked, tmp_path: Path) -> None:
    """With requirements.txt alone, Flask says that it does not read .env."""
    project = tmp_path / "project"
    shutil.copytree(defaults.path, project)
    shutil.copy(project / ".env.example", project / ".env")
    command = [sys.executable, "-I", "-B", "-c", ONLY_PINNED, "--help"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "flask run [OPTIONS]" in done.stdout
    assert "Install python-dotenv" in done.stderr


def test_only_run_is_executable(defaults: Baked) -> None:
    executable = {name for name, (_, can_run) in contents(defaults.path).items() if can_run}
    assert executable == {"run"}
