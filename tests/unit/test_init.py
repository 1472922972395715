"""`flask-modwsgi init`: which application it finds, and what it writes."""

import io
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import TEMPLATE

import build_wheel
from flask_modwsgi import __version__
from flask_modwsgi.config.project import Project
from flask_modwsgi.problems import systems
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import (
    adopt,
    applications,
    git_files,
    own_modules,
    requirements,
    wheel_file,
)

FLASK = "from flask import Flask\n"
OBJECT = f"{FLASK}app = Flask(__name__)\n"
FACTORY = f"{FLASK}def create_app(config=None):\n    app = Flask(__name__)\n    return app\n"
SERVER = f"{FLASK}server = Flask(__name__)\n"
NEEDY = FACTORY.replace("config=None", "name, *, debug")


def project(root: Path, **texts: str) -> Path:
    """A folder with these files; ``__`` in a name is a slash, and ``_init_`` is ``__init__``."""
    for name, text in texts.items():
        file = root / f"{name.replace('__', '/').replace('_init_', '__init__')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return root


def slug(root: Path, app: str) -> str:
    with pytest.raises(Problem) as caught:
        applications.named(root, app)
    return caught.value.slug


# The project's files, the likeliest application, its package, and how it is imported.
SHAPES = [
    ({"app": OBJECT}, "app:app", "app.py", "from app import app as application"),
    ({"wsgi": OBJECT}, "wsgi:app", "wsgi.py", "from wsgi import app as application"),
    (
        {"app": OBJECT.replace("app =", "application =")},
        "app:application",
        "app.py",
        "from app import application as application",
    ),
    (
        {"application": OBJECT.replace("app =", "application = app =")},  # Elastic Beanstalk
        "application:application",
        "application.py",
        "from application import application as application",
    ),
    (
        {"blog___init_": FACTORY},
        "blog:create_app()",
        "blog",
        "from blog import create_app\n\napplication = create_app()",
    ),
    ({"blog___init_": OBJECT}, "blog:app", "blog", "from blog import app as application"),
    (
        {"blog___init_": "", "blog__web__main": OBJECT, "blog__web___init_": ""},
        "blog.web.main:app",
        "blog",
        "from blog.web.main import app as application",
    ),
    (
        {"src__blog___init_": FACTORY},
        "src/blog:create_app()",
        "src/blog",
        'sys.path[:0] = [str(root / "src"), str(root)]\n\nfrom blog import create_app\n',
    ),
    (
        {"backend__app": OBJECT},
        "backend/app:app",
        "backend",
        'sys.path[:0] = [str(root / "backend"), str(root)]\n\nfrom app import app as application',
    ),
    (
        {"shop___init_": FACTORY, "wsgi": "from shop import create_app\nweb = create_app()\n"},
        "wsgi:web",
        "wsgi.py",
        "from wsgi import web as application",
    ),
    (
        {"main": "import flask\nif True:\n    site: flask.Flask = flask.Flask(__name__)\n"},
        "main:site",
        "main.py",
        "from main import site as application",
    ),
    (
        {"app": "from apiflask import APIFlask\napp = APIFlask(__name__)\n"},
        "app:app",
        "app.py",
        "from app import app as application",
    ),
    (
        {"run": "from eve import Eve\napp = Eve()\n"},
        "run:app",
        "run.py",
        "from run import app as application",
    ),
    (
        {
            "src__app": f"{OBJECT}from src import routes\n",
            "src__routes": "from src.app import app\n",
        },
        "src.app:app",
        "src",
        "[str(root)]\n\nfrom src.app import app as application",
    ),
    (
        {"a__b__main": f"from .models import db\n{OBJECT}", "a__b__models": "db = 1\n"},
        "a.b.main:app",
        "a",
        "[str(root)]\n\nfrom a.b.main import app as application",
    ),
    (
        {
            "backend__app": f"from models import db\n{OBJECT}",
            "backend__models": "db = 1\n",
            "seed": "from backend.models import db\n",
        },
        "backend/app:app",
        "backend",
        "from app import app as application",
    ),
    (
        {
            "shop__shop___init_": f"from shop.models import db\n{OBJECT}",
            "shop__shop__models": "db = 1\n",
        },
        "shop/shop:app",
        "shop/shop",
        "from shop import app as application",
    ),
    (
        {"wsgi": f"{OBJECT}def outer(app):\n    return app\napplication = outer(app)\n"},
        "wsgi:application",
        "wsgi.py",
        "from wsgi import application as application",
    ),
    (
        {
            "shop___init_": FACTORY,
            "wsgi": "from shop import create_app\nouter = max\napp = outer([create_app()])\n",
        },
        "wsgi:app",
        "wsgi.py",
        "from wsgi import app as application",
    ),
    (
        {"app": "from dash import Dash\nsite = Dash(__name__)\nserver = site.server\n"},
        "app:site.server",
        "app.py",
        "from app import site\n\napplication = site.server",
    ),
    (
        {"main": f"{OBJECT}from dash import Dash\nDash(__name__, server=app)\n"},
        "main:app",
        "main.py",
        "from main import app as application",
    ),
    (
        {
            "wsgi": f"{OBJECT}def outer(wsgi):\n    return wsgi.__self__\n"
            "application = outer(app.wsgi_app)\n"
        },
        "wsgi:application",
        "wsgi.py",
        "from wsgi import application as application",
    ),
    (
        {"app": f"{SERVER}from dash import Dash\napp = Dash(__name__, server=server)\n"},
        "app:server",
        "app.py",
        "from app import server as application",
    ),
    (
        {"main": f"{SERVER}from celery import Celery\napp = Celery(server.name)\n"},
        "main:server",
        "main.py",
        "from main import server as application",
    ),
    (
        {"main": f"{SERVER}from redis import Redis\napp = Redis(server.name)\n"},
        "main:server",
        "main.py",
        "from main import server as application",
    ),
    (
        {
            "app": "from flask import Flask\nfrom flask_restful import Api\n"
            "application = Flask(__name__)\napp = Api(application)\n"
        },
        "app:application",
        "app.py",
        "from app import application as application",
    ),
    (
        {"wsgi": f"{SERVER}from flask_socketio import SocketIO\napplication = SocketIO(server)\n"},
        "wsgi:server",
        "wsgi.py",
        "from wsgi import server as application",
    ),
    (
        {
            "blog___init_": FACTORY,
            "tasks": "from blog import create_app, make_celery\napp = make_celery(create_app())\n",
        },
        "blog:create_app()",
        "blog",
        "from blog import create_app\n\napplication = create_app()",
    ),
    (
        {"my-app": OBJECT},
        "my-app:app",
        "my-app.py",
        'application = import_module("my-app").app',
    ),
    (
        {"class": FACTORY},
        "class:create_app()",
        "class.py",
        'application = import_module("class").create_app()',
    ),
]


@pytest.mark.parametrize(("texts", "spelled", "package", "imported"), SHAPES)
def test_an_application_is_found(
    tmp_path: Path, texts: dict[str, str], spelled: str, package: str, imported: str
) -> None:
    best, *others = applications.search(project(tmp_path, **texts))
    assert others == []
    assert (str(best), best.package) == (spelled, package)
    assert imported in best.wsgi_file
    compile(best.wsgi_file, "app.wsgi", "exec")
    assert applications.named(tmp_path, spelled) == best
    assert applications.named(tmp_path, spelled.partition(":")[0]) == best


@pytest.mark.parametrize(
    ("name", "text", "offered"),
    [
        ("site1__wsgi", "from django import x\napplication = x.get_wsgi_application()\n",
         "site1/wsgi:application"),
        ("app", "import bottle\napp = bottle.default_app()\n", "app:app"),
        ("app", "from quart import Quart\napp = Quart(__name__)\n", "module:name"),
        ("app", "import fastapi\napp = fastapi.FastAPI()\n", "module:name"),
    ],
)  # fmt: skip
def test_applications_of_others_are_offered(root: Path, name: str, text: str, offered: str) -> None:
    project(root, **{name: text})
    with pytest.raises(Problem) as caught:
        adopt.adopt(root, None)
    assert caught.value.remedy == (f"flask-modwsgi init --app {offered}",)
    assert "ASGI" in caught.value.why
    if offered != "module:name":
        assert str(applications.named(root, offered)) == offered


def test_an_application_with_two_names_is_found_as_wrapped(tmp_path: Path) -> None:
    text = OBJECT.replace("app =", "server = site =") + "application = ProxyFix(site)\n"
    (found,) = applications.search(project(tmp_path, app=text))
    assert str(found) == "app:application"


@pytest.mark.parametrize(("texts", "spelled", "package", "imported"), SHAPES)
def test_what_is_written_loads_the_application(
    tmp_path: Path, texts: dict[str, str], spelled: str, package: str, imported: str
) -> None:
    """From anywhere, and with modules that only look like Flask's."""
    best = applications.search(project(tmp_path / "project", **texts))[0]
    for name in (
        "flask",
        "apiflask",
        "dash",
        "celery",
        "redis",
        "flask_restful",
        "flask_socketio",
        "eve",
    ):
        text = (
            "class Flask:\n    def __init__(self, name=0): self.name = name\n"
            "    def wsgi_app(self): pass\n"
            "class Dash:\n    def __init__(self, name, server=0): self.server = Flask(name)\n"
            "APIFlask, Eve, Celery, Redis, Api, SocketIO = Flask, Flask, Dash, Dash, Dash, Dash\n"
        )
        project(tmp_path / "packages", **{name: text})
    file = tmp_path / "project" / "it.wsgi"
    file.write_text(best.wsgi_file, "utf-8")
    code = (
        "import runpy, sys; sys.path.append(sys.argv[1]);"
        "print(type(runpy.run_path(sys.argv[2])['application']).__name__)"
    )
    words: list[str | Path] = [sys.executable, "-I", "-c", code, tmp_path / "packages", file]
    assert subprocess.run(words, cwd="/", capture_output=True, text=True).stdout == "Flask\n"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("app", ""),
        ("blog___init_", ""),
        ("blog__blog", "blog"),
        ("backend__app", "backend"),
        ("src__blog___init_", "src"),
        ("src__web__blog", "src/web"),
        ("backend__my-app", "backend"),
        ("my-app__my-app", "my-app"),
    ],
)
def test_where_flask_s_instance_folder_is(root: Path, name: str, folder: str) -> None:
    """As Flask itself finds it, where `./run setup` links it."""
    project(root, **{name: OBJECT})
    (root / "requirements.txt").touch()
    adopt.adopt(root, None)
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['application'].instance_path)"
    words = [sys.executable, "-P", "-c", code, str(Project(root).wsgi_file)]
    done = subprocess.run(words, cwd="/", capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == root.resolve() / folder / "instance"
    assert Project(root).import_folder == root / folder


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("blog", "blog:create_app()"),
        ("blog:create_app", "blog:create_app()"),
        ("blog:create_app()", "blog:create_app()"),
        ("blog:create_app('test', debug=True)", "blog:create_app('test', debug=True)"),
        ("blog/__init__.py:create_app", "blog:create_app()"),
        ("again:create_app", "again:create_app()"),
        ("again:made", "again:made()"),
        ("blog.deep:app", "blog.deep:app"),
        ("blog/deep.py", "blog.deep:app"),
        ("dash:site.server", "dash:site.server"),
        ("star:anything", "star:anything"),
        ("plain:serve", "plain:serve"),
        ("plain:make", "plain:make()"),
        ("run:build", "run:build()"),
    ],
)
def test_how_an_application_may_be_named(tmp_path: Path, asked: str, meant: str) -> None:
    project(
        tmp_path,
        blog___init_=FACTORY,
        blog__deep=OBJECT,
        again="from blog import create_app\nfrom blog import create_app as made\n",
        dash="from dash import Dash\nsite = Dash()\n",
        star="from blog import *\n",
        plain="def serve(environ, start_response): ...\ndef make(): ...\n",
        src__shop___init_=FACTORY.replace("create_app", "build"),
        run="from shop import build\n",
    )
    assert str(applications.named(tmp_path, asked)) == meant


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ("nothing:app", "app-not-found"),
        ("blog:nothing", "app-not-found"),
        ("blog:", "factory-needs-arguments"),
        ("blog", "factory-needs-arguments"),
        ("blog:create_app", "factory-needs-arguments"),
        ("blog:create_app()", "factory-needs-arguments"),
        ("blog:create_app(os.environ)", "app-not-found"),
        ("blog:1+1", "app-not-found"),
        ("broken:app", "app-not-found"),
        ("empty", "app-not-found"),
        ("../outside:app", "app-not-found"),
        ("/etc/passwd:app", "app-not-found"),
        (":app", "app-not-found"),
    ],
)
def test_what_is_no_application_is_refused(tmp_path: Path, asked: str, refused: str) -> None:
    project(tmp_path, outside=OBJECT)
    project(tmp_path / "here", blog___init_=NEEDY, broken="def (:\n", empty="")
    assert slug(tmp_path / "here", asked) == refused


@pytest.mark.parametrize(
    ("listed", "asked", "imported"),
    [
        ("httpbin==0.10.4\n", "httpbin:app", "from httpbin import app as application\n"),
        ("a-shop\n", "shop.web:create_app", "import create_app\n\napplication = create_app()\n"),
        ("a-shop\n", "shop:make('x')", "from shop import make\n\napplication = make('x')\n"),
        ("", "httpbin:app", ""),
        ("httpbin\n", "httpbin", ""),
        ("httpbin\n", "htpbin:app", ""),
        ("flask-blogs\n", "flaskblogs.web:app", ""),
        ("httpbin\n", "httpbin:1+1", ""),
        ("httpbin\n", "../httpbin:app", ""),
    ],
)
def test_an_application_of_a_package(
    tmp_path: Path, listed: str, asked: str, imported: str
) -> None:
    (tmp_path / "requirements.txt").write_text(listed)
    if not imported:
        assert slug(tmp_path, asked) == "app-not-found"
        return
    found = applications.named(tmp_path, asked)
    assert found.wsgi_file.endswith(imported)
    assert found.package == f"{found.name}.wsgi"


def test_beside_an_own_application_a_package_of_that_name_is_listed(tmp_path: Path) -> None:
    project(tmp_path, blog___init_=FACTORY)
    (tmp_path / "requirements.txt").write_text("Flask\n-r more.txt\n")
    assert slug(tmp_path, "My_Shop:app") == "app-not-found"
    (tmp_path / "more.txt").write_text("my-shop --hash=sha256:0\n")
    assert str(applications.named(tmp_path, "My_Shop:app")) == "My_Shop:app"


def test_a_folder_is_a_package_if_it_is_named_as_one(tmp_path: Path) -> None:
    """As for gunicorn, which has the project's folder on its path."""
    project(tmp_path, src__app=OBJECT)
    assert applications.named(tmp_path, "app:app").folder == Path("src")
    found = applications.named(tmp_path, "src.app:app")
    assert (found.folder, found.module, found.name) == (Path(), "src.app", "src")
    project(tmp_path, src__routes="from app import app\n")
    assert applications.named(tmp_path, "src.app:app").folder == Path("src")


def test_why_a_file_has_no_application(tmp_path: Path) -> None:
    """The true reason."""
    project(tmp_path, broken="def (:\n", empty="")
    (tmp_path / "app.v2.py").write_text(OBJECT)
    for name, reason in {
        "app.v2.py": "app.v2.py cannot be imported, because of the dot in app.v2",
        "broken.py": "broken.py cannot be read: invalid syntax (broken.py, line 1)",
        "empty.py": "has no call of Flask()",
    }.items():
        with pytest.raises(Problem) as caught:
            applications.named(tmp_path, name)
        assert reason in caught.value.what
    assert applications.search(tmp_path) == []


def test_a_project_s_name_is_an_identifier(root: Path) -> None:
    """Apache's process group has it."""
    project(root, **{"my-app": OBJECT})
    (root / "requirements.txt").touch()
    adopt.adopt(root, None)
    assert Project(root).app_name == "my_app"
    assert Project(root).wsgi_file == root / "my_app.wsgi"
    assert Project(root).package == root / "my-app.py"
    assert (root / "my_app.wsgi").exists()
    adopt.adopt(root, "my-app:app")


def test_tests_environments_and_programs_are_no_candidates(tmp_path: Path) -> None:
    names = ("tests__app", "test_app", "conftest", "venv__lib__app", "var__app", "_hidden__app")
    project(tmp_path, **dict.fromkeys(names, OBJECT))
    (tmp_path / "_hidden").rename(tmp_path / ".hidden")
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    project(tmp_path, run_it=f"{FLASK}if __name__ == '__main__':\n    app = Flask('x')\n")
    project(tmp_path, broken="def (:\n", inner=f"{FLASK}def f():\n    app = Flask('x')\n")
    assert applications.search(tmp_path) == []


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for a project; `./run setup` is not run, and this package is a wheel."""
    monkeypatch.setattr(subprocess, "call", lambda *words, **options: 0)
    monkeypatch.setattr(wheel_file, "put", _put)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return tmp_path / "My blog"


def _put(folder: Path) -> Path:
    folder.mkdir()
    (folder / "flask_modwsgi-1.0-py3-none-any.whl").touch()
    return folder / "flask_modwsgi-1.0-py3-none-any.whl"


def written(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_what_is_written(root: Path) -> None:
    project(root, blog___init_=FACTORY)
    (root / "requirements.txt").write_text(
        "# web\nFlask==3.1.2 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n-r more.txt\n"
        "requests[socks]>=2 ; python_version > '3'  # a note\n\n./local\n",
        "utf-8",
    )
    before = written(root)
    assert adopt.adopt(root, None) == 0
    after = written(root)
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {
        ".env.example",
        ".gitattributes",
        ".gitignore",
        "blog.wsgi",
        "pyproject.toml",
        "run",
        "wheels/flask_modwsgi-1.0-py3-none-any.whl",
    }
    assert os.access(root / "run", os.X_OK)
    table = tomllib.loads(after["pyproject.toml"].decode())
    assert table["tool"]["flask-modwsgi"] == {
        "app_name": "blog",
        "apache": "auto",
        "made_with": __version__,
    }
    assert table["project"]["name"] == "My-blog"
    assert table["project"]["dependencies"] == [
        "Flask==3.1.2",
        "requests[socks]>=2 ; python_version > '3'",
    ]
    assert Project(root).wsgi_file == root / "blog.wsgi"
    assert Project(root).package == root / "blog"

    assert adopt.adopt(root, None) == 0
    assert written(root) == after


def test_the_name_of_a_folder_becomes_one_of_a_distribution(root: Path) -> None:
    root = root.with_name("Zähler.der Gäste")
    project(root, app=OBJECT)
    (root / "requirements.txt").touch()
    adopt.adopt(root, None)
    assert Project(root).name == "Zahler-der-Gaste"


def test_what_exists_is_kept_byte_for_byte(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(root, app=OBJECT)
    kept = {
        "app.wsgi": b"from app import app as application\n",
        ".env.example": b"PORT=9000\n",
        "run": b"# flask_modwsgi of a later version\n",
        "requirements.txt": b"Flask\n",
    }
    for name, data in kept.items():
        (root / name).write_bytes(data)
    pyproject = b'[project]\r\nname = "x" # caf\xc3\xa9\r\n[tool.black]'
    (root / "pyproject.toml").write_bytes(pyproject)
    (root / ".gitignore").write_bytes(b"*.pyc\nwheels/\n.env\nvar/")
    adopt.adopt(root, None)
    after = written(root)
    assert kept.items() <= after.items()
    output = capsys.readouterr().out
    assert all(f"kept     {name}\n" in output for name in kept if name != "requirements.txt")
    assert after["pyproject.toml"].startswith(pyproject + b"\r\n\r\n[tool.flask-modwsgi]\r\n")
    assert b"\n" not in after["pyproject.toml"].replace(b"\r\n", b"")
    assert Project(root).name == "x"
    assert Project(root).package == root / "app.py"
    assert after[".gitignore"].startswith(b"*.pyc\nwheels/\n.env\nvar/\n")
    subprocess.run(["git", "init", "-q", root], check=True)
    ignored = ["git", "-C", str(root), "check-ignore", *after, ".venv", ".env", "var/x"]
    found = subprocess.run(ignored, capture_output=True, text=True).stdout.split("\n")
    assert found == [".venv", ".env", "var/x", ""]


def test_a_generated_project_has_these_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (".gitignore", ".gitattributes"):
        shutil.copy(TEMPLATE / name, tmp_path)
    git_files.extend(tmp_path)
    for name in (".gitignore", ".gitattributes"):
        assert (tmp_path / name).read_bytes() == (TEMPLATE / name).read_bytes()
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["kept", ".gitignore"],
        ["kept", ".gitattributes"],
    ]


def git(folder: Path, *words: str) -> str:
    """With nothing of this user's own settings."""
    env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(["git", *words], cwd=folder, env=env, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def test_a_clone_with_line_ends_of_windows_runs(root: Path, tmp_path: Path) -> None:
    """Whatever the project says of line ends already; ``-e .`` leaves nothing to commit, either."""
    project(root, app=OBJECT)
    (root / "requirements.txt").touch()
    (root / ".gitattributes").write_bytes(b"* text eol=crlf\r\n*.sh text eol=lf")
    adopt.adopt(root, None)
    kept = (root / ".gitattributes").read_bytes()
    assert kept.startswith(b"* text eol=crlf\r\n*.sh text eol=lf\n")
    (wheel,) = (root / "wheels").iterdir()
    wheel.write_bytes(b"PK\0\n\r\n")
    (root / "my_blog.egg-info").mkdir()
    (root / "my_blog.egg-info" / "PKG-INFO").touch()
    git(root, "init", "-q")
    git(root, "add", ".")
    assert "egg-info" not in git(root, "ls-files")
    author = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    git(root, *author, "commit", "-q", "-m", "All")
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", str(root), "clone")
    clone = tmp_path / "clone"
    assert b"\r\n" in (clone / "app.py").read_bytes()
    assert (clone / "run").read_bytes() == (root / "run").read_bytes()
    assert (clone / "wheels" / wheel.name).read_bytes() == wheel.read_bytes()
    adopt.adopt(root, None)
    assert (root / ".gitattributes").read_bytes() == kept


def test_another_application_replaces_no_file(root: Path) -> None:
    """Nor is the answer of the user passed over in silence."""
    project(root, app=OBJECT, other=OBJECT)
    (root / "requirements.txt").touch()
    adopt.adopt(root, "app:app")
    before = written(root)
    with pytest.raises(Problem) as refused:
        adopt.adopt(root, "other:app")
    assert refused.value.slug == "app-kept"
    assert written(root) == before
    with (root / "app.wsgi").open("a") as file:
        file.write("# a comment\n")
    adopt.adopt(root, "app:app")
    (root / "app.wsgi").unlink()
    adopt.adopt(root, "other:app")
    assert "from other import app" in (root / "app.wsgi").read_text()


def test_a_module_may_have_the_name_of_init_s_own_command(root: Path) -> None:
    project(root, run=OBJECT, other="from run import app\napp.config['A'] = 1\n")
    (root / "requirements.txt").touch()
    adopt.adopt(root, "run:app")
    before = written(root)
    for app in ("run:app", "run.py:app", "run", None):
        adopt.adopt(root, app)
    assert written(root) == before
    assert (root / "run").is_file()
    assert str(applications.named(root, "run:app")) == "run:app"
    assert own_modules.imported(root, Path("other.py"), 0, "run") == Path("run.py")


@pytest.mark.parametrize("is_link", [False, True])
def test_an_environment_that_people_bring_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], is_link: bool
) -> None:
    project(root, app=OBJECT)
    (root / "requirements.txt").touch()
    theirs = root.with_name("theirs") if is_link else root / ".venv"
    theirs.mkdir()
    if is_link:
        (root / ".venv").symlink_to(theirs)
    adopt.adopt(root, None)
    assert "./run setup renames .venv to .venv.before\n" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["from other import app as application", "application = None"])
def test_a_wsgi_file_that_people_bring_is_looked_at(
    root: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    project(root, app=OBJECT, other=OBJECT)
    (root / "requirements.txt").touch()
    (root / "app.wsgi").write_text(f"{line}\n")
    before = written(root)
    with pytest.raises(Problem) as refused:
        adopt.adopt(root, "app:app")
    assert (refused.value.slug, written(root)) == ("app-kept", before)
    adopt.adopt(root, "other:app")
    assert "app.wsgi is not used; Apache loads other.wsgi\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "served"),
    [
        ("from other import app as application\n", "from other import app as application"),
        ("def application(environ, start_response):\n    ...\n",
         "def application(environ, start_response):"),
        ("from other import *\n", "what it loads"),
        ("def (:\n", "what it loads"),
    ],
)  # fmt: skip
def test_without_a_named_application_it_says_what_a_wsgi_file_serves(
    root: Path, capsys: pytest.CaptureFixture[str], text: str, served: str
) -> None:
    project(root, app=OBJECT)
    (root / "requirements.txt").touch()
    (root / "app.wsgi").write_text(text)
    adopt.adopt(root, None)
    told = f"kept     app.wsgi, which is not made for app:app; Apache serves: {served}\n"
    assert told in capsys.readouterr().out
    assert (root / "app.wsgi").read_text() == text


def test_each_file_is_named_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(root, app=OBJECT)
    (root / "requirements.txt").touch()
    (root / ".env.example").touch()
    before = written(root)
    adopt.adopt(root, None)
    output = capsys.readouterr().out
    made = ["app.wsgi", "run", "pyproject.toml", ".gitignore", ".gitattributes", "wheels/"]
    assert {name.partition("/")[0] for name in written(root).keys() - before} == {
        name.strip("/") for name in made
    }
    assert [output.count(f"wrote    {name}") for name in made] == [1] * len(made)
    assert [output.count(name) for name in ("app.wsgi", "pyproject.toml", "wheels/")] == [1, 1, 1]
    assert output.endswith("runs     ./run setup, which makes .venv, var/ and .env\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_requirements_that_powershell_wrote(root: Path, encoding: str) -> None:
    project(root, app=OBJECT)
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    text = f"{mark}Flask==3.1.2\r\n-r more.txt\r\n"
    (root / "requirements.txt").write_bytes(text.encode(encoding))
    (root / "more.txt").write_bytes(f"{mark}a-shop\r\n".encode(encoding))
    adopt.adopt(root, None)
    table = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert table["dependencies"] == ["Flask==3.1.2", "a-shop"]
    assert str(applications.named(root, "a_shop:app")) == "a_shop:app"


def test_bytes_that_are_no_utf_8_are_kept(root: Path) -> None:
    """A list of ignored files may be in any encoding, also in PowerShell's; git reads bytes."""
    project(root, app=OBJECT)
    (root / "requirements.txt").touch()
    (root / "app.wsgi").write_bytes(b"# caf\xe9\nfrom app import app as application\n")
    ignore = root / ".gitignore"
    for before in (b"# caf\xe9\n*.pyc", "*.pyc\r\n".encode("utf-16")):
        ignore.write_bytes(before)
        adopt.adopt(root, "app:app")
        assert ignore.read_bytes().startswith(before + b"\n.env\n")


def test_a_section_that_exists_is_kept(root: Path) -> None:
    project(root, app=OBJECT)
    text = '[tool.flask-modwsgi]\napp_name = "app"\nwsgi = "deploy/site.wsgi"\napache = "system"\n'
    (root / "pyproject.toml").write_text(text, "utf-8")
    (root / "requirements.txt").touch()
    adopt.adopt(root, None)
    assert (root / "pyproject.toml").read_text("utf-8") == text
    assert Project(root).wsgi_file == root / "deploy" / "site.wsgi"
    assert Project(root).name == "My blog"


@pytest.mark.parametrize(
    ("texts", "app", "table"),
    [
        (
            {"blog___init_": OBJECT, "blog__web___init_": ""},
            "blog:app",
            {"packages": {"find": {"include": ["blog", "blog.*"]}}},
        ),
        ({"app": OBJECT}, "app:app", {"py-modules": ["app"]}),
        (
            {"app": OBJECT, "tests___init_": "", "tools___init_": ""},
            "app:app",
            {"py-modules": ["app"]},
        ),
        (
            {"shop___init_": FACTORY, "wsgi": "from shop import create_app\napp = create_app()\n"},
            "wsgi:app",
            {"packages": {"find": {"include": ["shop", "shop.*"]}}},
        ),
        (
            {"src__shop___init_": FACTORY, "wsgi": "from shop import create_app as app\n"},
            "wsgi:app",
            None,
        ),
        ({"my-app": OBJECT}, "my-app:app", {"py-modules": []}),
        (
            {"backend__app": OBJECT},
            "backend/app.py:app",
            {"package-dir": {"": "backend"}, "py-modules": ["app"]},
        ),
        (
            {"web__blog___init_": OBJECT},
            "web/blog:app",
            {"packages": {"find": {"where": ["web"], "include": ["blog", "blog.*"]}}},
        ),
        ({"src__blog___init_": OBJECT}, "src/blog:app", None),
        ({}, "shop:app", {"py-modules": []}),
    ],
)
def test_setuptools_takes_no_folder_of_a_server_for_a_package(
    root: Path, texts: dict[str, str], app: str, table: dict[str, object] | None
) -> None:
    project(root, **texts)
    root.mkdir(exist_ok=True)
    (root / "requirements.txt").write_text("shop\n")
    adopt.adopt(root, app)
    tool = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]
    assert tool.get("setuptools") == table


@pytest.mark.parametrize(
    ("text", "is_added"),
    [
        ('[project]\nname = "x"\n', True),
        ('[project]\nname = "x"\n[build-system]\nbuild-backend = "setuptools.build_meta"\n', True),
        ('[project]\nname = "x"\n[build-system]\nbuild-backend = "hatchling.build"\n', False),
        ('[project]\nname = "x"\n[tool.setuptools]\npackages = ["app"]\n', False),
        ("[tool.ruff]\n", False),
    ],
)
def test_what_setuptools_is_told_already_stays(root: Path, text: str, is_added: bool) -> None:
    project(root, app=OBJECT)
    (root / "requirements.txt").touch()
    (root / "pyproject.toml").write_text(text)
    adopt.adopt(root, None)
    assert ('py-modules = ["app"]' in (root / "pyproject.toml").read_text()) == is_added


@pytest.mark.parametrize("name", ["setup.py", "setup.cfg"])
def test_what_is_packaged_gets_no_second_description(root: Path, name: str) -> None:
    project(root, app=OBJECT)
    (root / name).touch()
    (root / "requirements.txt").touch()
    adopt.adopt(root, None)
    table = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert "project" not in table and "setuptools" not in table["tool"]


@pytest.mark.parametrize(
    ("texts", "given", "expected"),
    [
        ({}, {}, "app-not-found"),
        ({"app": "print('hello')\n"}, {}, "app-not-found"),
        ({"app": OBJECT, "admin": OBJECT}, {}, "app-ambiguous"),
        ({"blog___init_": NEEDY}, {}, "factory-needs-arguments"),
        ({"app": OBJECT}, {"run": "#!/bin/sh\nflask run\n"}, "run-taken"),
        ({"app": OBJECT}, {"pyproject.toml": "[project\n"}, "pyproject-broken"),
        ({"app": OBJECT}, {"pyproject.toml": "tool = {}\n"}, "pyproject-broken"),
    ],
)
def test_a_refusal_writes_nothing(
    root: Path, texts: dict[str, str], given: dict[str, str], expected: str
) -> None:
    project(root, **texts)
    root.mkdir(exist_ok=True)
    for name, text in given.items():
        (root / name).write_text(text, "utf-8")
    before = written(root)
    with pytest.raises(Problem) as caught:
        adopt.adopt(root, None)
    assert caught.value.slug == expected
    assert written(root) == before


@pytest.mark.parametrize(
    ("lock", "command"),
    [
        ("", systems.compiler()),
        ("uv.lock", "uv export"),
        ("poetry.lock", "poetry self add"),
        ("pdm.lock", "pdm export"),
        ("Pipfile", "pipenv lock && pipenv requirements"),
        ("Pipfile.lock", "pipenv requirements"),
    ],
)
def test_without_requirements_it_says_what_writes_them(root: Path, lock: str, command: str) -> None:
    project(root, app=OBJECT)
    if lock:
        (root / lock).touch()
    with pytest.raises(Problem) as caught:
        adopt.adopt(root, None)
    assert caught.value.slug == "requirements-unlocked"
    assert caught.value.remedy[0].startswith(command)
    assert caught.value.remedy[0].endswith("&& ./run setup")
    assert (root / "app.wsgi").exists()


@pytest.mark.parametrize(
    ("app", "name", "command"),
    [
        ("backend__app", "backend/requirements.txt", "echo '-r backend/requirements.txt' > "),
        ("src__blog___init_", "src/requirements.in", "src/requirements.in"),
        ("app", "requirements.in", "requirements.in"),
        ("app", "requirements/requirements.txt", "echo '-r requirements/requirements.txt' > "),
        ("app", "requirements/common.txt", "echo '-r requirements/common.txt' > "),
        ("app", "requirements_prod.txt", "echo '-r requirements_prod.txt' > "),
        ("backend__app", "frontend/requirements.txt", ""),
        ("app", "environment.yml", ""),
    ],
)
def test_a_list_beside_the_application_is_read(
    root: Path, app: str, name: str, command: str
) -> None:
    project(root, **{app: OBJECT})
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("Flask\nredis\n")
    with pytest.raises(Problem) as caught:
        adopt.adopt(root, None)
    table = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert table["dependencies"] == (["Flask", "redis"] if command else ["Flask"])
    assert (command or "pyproject.toml") in caught.value.remedy[0]
    reason = f"from {name}:" if command else "init found no list of the project's packages"
    assert reason in caught.value.why


@pytest.mark.parametrize(
    ("given", "named"),
    [("", "backend/requirements.txt"), ("description = 'x'\n", "pyproject.toml")],
)
def test_a_second_run_names_the_same_list(root: Path, given: str, named: str) -> None:
    """Although there is a table [project] then, which the first run may have written."""
    project(root, backend__app=OBJECT)
    (root / "backend" / "requirements.txt").write_text("Flask\n")
    if given:
        (root / "pyproject.toml").write_text(f"[project]\nname = 'x'\n{given}")
    for _ in range(2):
        with pytest.raises(Problem) as caught:
            adopt.adopt(root, None)
        assert f"from {named}:" in caught.value.why


def test_requirements_in_a_folder_are_included(root: Path) -> None:
    """And named in ``pyproject.toml``, which a compiler may read later; constraints are none."""
    project(root, app=OBJECT)
    (root / "requirements").mkdir()
    for name, text in {
        "base": "Flask>=3\n-c pins.txt\n",
        "prod": "-r base.txt\nredis  # queue\n",
        "pins": "click==8\n",
    }.items():
        (root / "requirements" / f"{name}.txt").write_text(text)
    with pytest.raises(Problem) as caught:
        adopt.adopt(root, None)
    command = caught.value.remedy[0]
    assert command == "echo '-r requirements/prod.txt' > requirements.txt && ./run setup"
    table = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert table["dependencies"] == ["redis", "Flask>=3"]
    subprocess.run(command.partition(" && ")[0], shell=True, cwd=root, check=True)
    found = requirements.with_included([root / "requirements.txt"])
    assert [file.name for file in found] == ["requirements.txt", "prod.txt", "base.txt", "pins.txt"]
    assert adopt.adopt(root, None) == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [("\n", "app"), ("", "app"), ("admin:app\n", "admin"), ("admin\n", "admin")],
)
def test_at_a_terminal_it_asks(
    root: Path, monkeypatch: pytest.MonkeyPatch, typed: str, chosen: str
) -> None:
    project(root, app=OBJECT, admin=OBJECT)
    (root / "requirements.txt").touch()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    adopt.adopt(root, None)
    assert Project(root).app_name == chosen


def test_run_is_the_same_as_the_template_s() -> None:
    assert adopt.run_script() == (TEMPLATE / "run").read_text("utf-8")


def test_the_wheel_is_the_one_that_was_installed(tmp_path: Path) -> None:
    """Rebuilt where it is installed, copied where it runs from the file: the same bytes."""
    wheel = tmp_path / build_wheel.build_wheel(str(tmp_path))
    installed = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    info = next(installed.glob("*.dist-info"))
    (info / "INSTALLER").write_text("pip\n")
    (info / "RECORD").write_text("")
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from flask_modwsgi.setup import wheel_file; print(wheel_file.put(Path(sys.argv[2])))"
    )
    words: list[str | Path] = [sys.executable, "-I", wheel / "flask_modwsgi", "init", "--app", "x"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert "Problem  app-not-found\n" in done.stderr
    typed = done.stderr.strip().splitlines()[-1].removeprefix("Type     ")
    command = [sys.executable, f"{wheel}/flask_modwsgi", "init", "--app", "module:name"]
    assert typed == shlex.join(command)
    for number, source in enumerate((installed, wheel)):
        target = tmp_path / str(number)
        words = [sys.executable, "-I", "-c", code, source, target]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert Path(done.stdout.strip()).name == wheel.name
        assert (target / wheel.name).read_bytes() == wheel.read_bytes()


def test_a_folder_that_cannot_be_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the files of a database, which belong to its own user."""
    project(tmp_path, app=OBJECT, data__app=OBJECT)

    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "data")
    exists = Path.exists
    monkeypatch.setattr(
        Path, "exists", lambda path: refused(path) if path.parent.name == "data" else exists(path)
    )
    assert [str(found) for found in applications.search(tmp_path)] == ["app:app"]
