"""Which answers are refused, with which words, and which are accepted."""

import ast
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from conftest import CHECKS, QUESTIONS, ROOT, TEMPLATE, Bake, Baked, Built, Refuse, derive, typed

from flask_modwsgi.apache import server_root

PRE_GEN: dict[str, Any] = runpy.run_path(str(ROOT / "hooks/pre_gen_project.py"))

REFUSED: dict[str, dict[str, Any]] = {
    "project_name": {
        "empty": "",
        "blank": " \u3000 ",
        "newline": "Hello\nFlask",
        "trailing newline": "Hello\n",
        "tab": "Hello\tFlask",
        "delete": "Hello\x7f",
        "next line": "Hello\x85Flask",
        "line separator": "Hello\u2028Flask",
        "paragraph separator": "Hello\u2029Flask",
        "byte that is not UTF-8": "Hello\udcff",
        "Jinja expression": "{{ config }}",
        "Jinja statement": "{% endraw %}",
        "Jinja comment": "{#",
        "too long": "x" * 201,
    },
    "project_slug": {
        "space": "hello flask",
        "slash at the end": "hello/",
        "hyphen first": "-hello",
        "dot first": ".hello",
        "dot last": "hello.",
        "parent": "..",
        "this directory": ".",
        "elsewhere": "../hello",
        "two directories": "hello/flask",
        "absolute": "/nowhere-at-all/hello",
        "empty": "",
        "trailing newline": "hello\n",
        "not ASCII": "héllo",
        "byte that is not UTF-8": "hello\udcff",
        "NUL": "hello\0",
        "too long": "x" * 64,
        "too long for a file system": "x" * 300,
    },
    "app_name": {
        "empty": "",
        "digit first": "1app",
        "hyphen": "hello-flask",
        "dot": "hello.flask",
        "underscore first": "_app",
        "not ASCII": "héllo",
        "keyword": "class",
        "keyword with a capital": "None",
        "standard library": "json",
        "standard library in capitals": "JSON",
        "standard library, which has capitals": "cProfile",
        "dependency": "flask",
        "dependency in capitals": "Flask",
        "module of the server": "mod_wsgi",
        "own package of the environment": "flask_modwsgi",
        "own folder": "wheels",
        "folder that git ignores": "instance",
        "folder that ruff ignores": "build",
        "module that pytest imports": "conftest",
        "module that Python imports": "sitecustomize",
        "own script": "run",
        "trailing newline": "hello\n",
        "too long": "x" * 65,
    },
    "root_path": {
        "empty": "",
        "relative": "var/www",
        "root": "/",
        "slash at the end": "/srv/app/",
        "double slash": "/srv//app",
        "double slash first": "//srv/app",
        "parent": "/srv/../app",
        "dot": "/srv/./app",
        "home": "~/app",
        "hidden by ProtectHome": "/home/ann/app",
        "hidden by PrivateTmp": "/tmp/app",
        "space": "/srv/my app",
        "percent, a systemd specifier": "/srv/%h",
        "dollar": "/srv/$HOME",
        "quote": '/srv/"app"',
        "backslash": "C:\\app",
        "not ASCII": "/srv/é",
        "newline": "/srv/app\n",
        "too long": "/" + "x" * 72,
    },
    "mount_point": {
        "double slash": "/a//b",
        "parent": "/a/../b",
        "dot": "/./a",
        "space": "/my app",
        "question mark": "/a?b",
        "percent": "/%61",
        "quote": '/"',
        "variable": "/<name>",
        "not ASCII": "/é",
        "newline": "/app\n",
        "too long": "/" + "x" * 200,
    },
    "port": {
        "empty": "",
        "zero": "0",
        "too high": "65536",
        "negative": "-1",
        "sign": "+80",
        "leading zero": "08000",
        "word": "http",
        "fraction": "80.5",
        "space": " 8000",
        "underscore": "8_000",
        "Arabic digits": "\u0668\u0660",
        "newline": "8000\n",
        "huge": "9" * 5000,
    },
    # As a number it becomes text in cookiecutter, which is true in Jinja.
    "install": {"number": 0, "nothing": None},
}

ACCEPTED: dict[str, list[Any]] = {
    "project_name": [" x ", "}}", "%}", "#}", "{", "{ {", "%s$HOME`id`", "x" * 200, "\u202eabc"],
    "project_slug": ["x", "9", "A.b_c-d", "a--b", "x" * 63],
    "app_name": ["x", "X9_", "match", "x" * 64],
    "root_path": ["/x", "/srv/a.b-c_d+e@f~g=h,i", "/srv/..x", "/homes/x", "/" + "x" * 71],
    "mount_point": ["/a/b", "/~me", "/v1.0", "/a_b-c", "/" + "x" * 199],
    "port": ["1", "80", "65535", 8080],
}


def rotate(values: Iterable[Any], index: int) -> Any:
    return list(values)[index % len(list(values))]


def as_typed(answer: Any) -> Any:
    return typed(answer) if isinstance(answer, str) else answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        pytest.param(question, answer, id=f"{question}: {why}")
        for question, answers in REFUSED.items()
        for why, answer in answers.items()
    ],
)
def test_rule(question: str, answer: Any) -> None:
    """Each rule says no, what is allowed, and an example."""
    allowed = CHECKS[question](str(answer))
    assert allowed is not None
    assert re.fullmatch(r"[^;]+; for example: [^;]+", allowed)


@pytest.mark.parametrize("row", range(max(map(len, REFUSED.values()))))
def test_refused(refuse: Refuse, row: int) -> None:
    """Every answer above, one of each question at a time: all are named, and nothing is left."""
    wrong = {question: rotate(answers.values(), row) for question, answers in REFUSED.items()}
    text = refuse(**{question: as_typed(answer) for question, answer in wrong.items()})
    assert re.findall(r"^  (\w+): ", text, re.MULTILINE) == list(wrong)
    for question, answer in wrong.items():
        assert f"  {question}: {str(answer)[:60]!r}"[:-1] in text
    in_one_line = " ".join(text.split())
    assert text.count("      Allowed: ") == in_one_line.count("; for example: ") == len(wrong)
    ours = [line for line in text.splitlines() if not line.endswith(" was given.")]
    assert max(map(len, ours)) <= 80
    assert not Path("/nowhere-at-all").exists()
    assert text.endswith("No file was written.")


@pytest.mark.parametrize("question", REFUSED)
def test_the_example_is_accepted(question: str) -> None:
    """Whoever types the example of a refusal is not refused again."""
    check = CHECKS[question]
    for answer in REFUSED[question].values():
        example = (check(str(answer)) or "").split("; for example: ")[1]
        # cookiecutter has made a boolean of it before the hook sees it.
        assert check(example.capitalize() if question == "install" else example) is None


@pytest.mark.parametrize("row", range(max(map(len, ACCEPTED.values()))))
def test_accepted(bake: Bake, row: int) -> None:
    """Every answer above, one of each question at a time, reaches its file."""
    right = {question: rotate(answers, row) for question, answers in ACCEPTED.items()}
    baked = bake(**{question: as_typed(answer) for question, answer in right.items()})
    pyproject = tomllib.loads(baked.read("pyproject.toml"))
    assert baked.path.name == pyproject["project"]["name"] == right["project_slug"]
    assert pyproject["project"]["description"] == right["project_name"]
    assert pyproject["tool"]["flask-modwsgi"]["app_name"] == right["app_name"]
    unit = baked.read(f"deploy/{right['project_slug']}.service").splitlines()
    assert any(line.startswith(f"ExecStart={right['root_path']}/run serve ") for line in unit)
    settings = baked.read(".env.example").splitlines()
    assert f"PORT={right['port']}" in settings
    assert f"MOUNT_POINT={right['mount_point']}" in settings


def test_the_service_keeps_its_server_root_below_the_longest_root_path(defaults: Baked) -> None:
    """Elsewhere, it could not put a link to it into `var/`, which belongs to root."""
    folders = re.findall(r"/var/(apache|stand-in)\b", defaults.read("deploy/hello-flask.service"))
    longest = max(len(f"/var/{name}") for name in folders)
    allowed = max(len(path) for path in ACCEPTED["root_path"])
    assert allowed + longest == server_root.LONGEST
    assert CHECKS["root_path"](derive(project_slug="x" * 63)["root_path"]) is None


def test_every_question_is_checked() -> None:
    assert CHECKS.keys() == QUESTIONS.keys()
    assert REFUSED.keys() == QUESTIONS.keys() - {"apache"}  # cookiecutter refuses other choices
    assert all(PRE_GEN["check_apache"](choice) is None for choice in QUESTIONS["apache"])
    assert PRE_GEN["check_apache"]("nginx")


def test_no_dependency_is_hidden_by_the_app() -> None:
    modules = {
        "mod_wsgi_httpd": "mod_wsgi_packages",
        "mod_wsgi_standalone": "mod_wsgi",
        "python_dotenv": "dotenv",
    }
    pins = ROOT / "src" / "flask_modwsgi" / "setup" / "pins"
    files = {*TEMPLATE.rglob("*.txt"), *pins.glob("*.txt")}
    requirements = "".join(file.read_text("utf-8") for file in files)
    distributions = set(re.findall(r"^[\w.-]+(?===)", requirements, re.MULTILINE))
    assert {"flask", "prometheus-client"} <= distributions
    for distribution in distributions:
        module = distribution.lower().replace("-", "_")
        assert CHECKS["app_name"](modules.get(module, module)), distribution


@pytest.mark.slow
def test_nothing_in_the_environment_is_hidden_by_the_app(built: Built, kind: str) -> None:
    (packages,) = built(kind).path.glob(".venv/lib/python3*/site-packages")
    modules = {path.name.split(".")[0] for path in packages.iterdir() if path.suffix != ".pth"}
    modules = {name for name in modules if not name.startswith("_") and "-" not in name}
    assert {"flask", "flask_modwsgi", "mod_wsgi", "pytest"} <= modules
    for name in modules:
        assert CHECKS["app_name"](name), name


def test_nothing_of_the_project_is_hidden_by_the_app(defaults: Baked) -> None:
    for path in defaults.path.iterdir():
        if path.name == "run" or (path.is_dir() and path.name != defaults.answers["app_name"]):
            assert CHECKS["app_name"](path.name), path.name


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("app", "/app"),
        ("/app", "/app"),
        ("/app/", "/app"),
        (" /app ", "/app"),
        ("//app//", "/app"),
        ("a/b/", "/a/b"),
        ("/", "/"),
        ("", "/"),
        (" ", "/"),
    ],
)
def test_mount_point_is_normalised(given: str, normal: str) -> None:
    assert derive(mount_point=given)["__mount_point"] == normal


def test_normal_mount_point_is_used(bake: Bake) -> None:
    assert "\nMOUNT_POINT=/app\n" in bake(mount_point=" app/ ").read(".env.example")


@pytest.mark.parametrize(
    ("name", "app_name"),
    [
        ("Hello Flask", "hello_flask"),
        ("Shop", "shop"),
        ("2048", "app_2048"),
        ("3D prints", "app_3d_prints"),
        ("日本語", "ri_ben_yu"),
        ("!?", "flask_app"),
        ("x" * 200, "x" * 40),
    ],
)
def test_derived_app_name(name: str, app_name: str) -> None:
    assert derive(project_name=name)["app_name"] == app_name


def cookiecutter(
    folder: Path, *arguments: str, prompt: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True, parents=True)
    options = [] if prompt else ["--no-input"]  # which a replay excludes
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(ROOT), *options, *arguments],
        cwd=folder,
        env={**os.environ, "HOME": str(folder.parent), "TMPDIR": str(folder.parent), **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("char", " \t\n'\"$%\\:#;&()<>|*?[]{}!^`\u00a0\u200b")
def test_folder_is_refused(char: str) -> None:
    assert repr(char) in PRE_GEN["check_folder"](f"/home/me/my{char}apps")


@pytest.mark.parametrize("folder", ["/", "/a/._-+@~=,", "/home/Ñandú/日本/e\u0301/٣"])
def test_folder_is_accepted(folder: str) -> None:
    assert PRE_GEN["check_folder"](folder) is None


def test_command_line_refusal(open_folder: Path) -> None:
    folder = open_folder / "my apps"
    result = cookiecutter(folder, "port=0", "install=no")
    assert (result.returncode, result.stderr) == (1, "")
    assert f"  folder: {str(folder)!r} was given." in result.stdout
    assert "' ' (SPACE)" in result.stdout
    assert "cookiecutter ... -o ~/src" in result.stdout
    assert "  port: '0' was given." in result.stdout
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "slug", ["../evil", "../precious", "{tmp_path}/evil", "a/b", ".", "x" * 300, "a\0b"]
)
def test_replay_is_refused(tmp_path: Path, slug: str) -> None:
    """A replay file brings answers that nobody was asked for; no folder comes or goes."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    slug = slug.format(tmp_path=tmp_path)
    replay = tmp_path / "replay.json"
    replay.write_text(json.dumps({"cookiecutter": {**derive(), "project_slug": slug}}))
    (tmp_path / "folder").mkdir()
    before = set(tmp_path.rglob("*"))
    result = cookiecutter(tmp_path / "folder", "--replay-file", str(replay), "-f", prompt=True)
    assert (result.returncode, result.stderr) == (1, "")
    assert "  project_slug: " in result.stdout
    assert {path for path in tmp_path.rglob("*") if ".cookiecutter" not in str(path)} == before


def test_the_hook_refuses_too(open_folder: Path) -> None:
    """It knows the folder where cookiecutter has not told the extension, as under cruft."""
    project = open_folder / "my apps" / "hello-flask"
    project.mkdir(parents=True)
    source = (ROOT / "hooks/pre_gen_project.py").read_text("utf-8")
    hook = open_folder / "hook.py"
    hook.write_text(source.replace("{{ cookiecutter | tojson }}", json.dumps(derive())))
    done = subprocess.run([sys.executable, hook], cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"  folder: {str(project.parent)!r} was given." in done.stderr


def test_command_line_in_ascii_locale(tmp_path: Path) -> None:
    """A folder that the terminal cannot show neither breaks a refusal nor costs the project."""
    folder = tmp_path / "Ñandú"
    result = cookiecutter(folder, "install=no", PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    assert r"xd1and\xfa/hello-flask && ./run setup" in result.stderr
    assert (folder / "hello-flask/README.md").exists()
    result = cookiecutter(folder, "project_slug=é", PYTHONIOENCODING="ascii")
    assert result.returncode == 1
    assert r"  project_slug: '\xe9' was given." in result.stdout
    assert [path.name for path in folder.iterdir()] == ["hello-flask"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [("apache=nginx", "choices are"), ("install=maybe", "could not be converted to a boolean")],
)
def test_choices_are_refused_by_cookiecutter(tmp_path: Path, answer: str, said: str) -> None:
    """Before any hook, with its own traceback, and nothing is left behind either."""
    result = cookiecutter(tmp_path / "folder", answer)
    assert result.returncode == 1
    assert said in result.stderr
    assert list((tmp_path / "folder").iterdir()) == []


def test_python_version() -> None:
    check = PRE_GEN["check_python"]
    assert check("3.11") is check("3.14") is check("4.0") is None
    assert "3.11 or newer" in check("3.10")
    assert "3.11 or newer" in check("3.9")


@pytest.mark.parametrize("hook", ["pre_gen_project.py", "post_gen_project.py"])
def test_hooks_parse_on_old_python(hook: str) -> None:
    """An old Python gets a sentence, not a syntax error."""
    ast.parse((ROOT / "hooks" / hook).read_text("utf-8"), feature_version=(3, 8))


def test_windows_is_told_about_wsl() -> None:
    assert PRE_GEN["check_system"]("posix") is None
    assert "wsl --install" in PRE_GEN["check_system"]("nt")
