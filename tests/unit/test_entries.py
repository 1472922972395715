"""`flask-modwsgi init` takes the application that people mean, not one inside of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_init import FACTORY, FLASK, OBJECT, project, slug

from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import applications, origins, own_modules, syntax

IMPORTS = "from app import app\n"
ROUTES = f"{IMPORTS}@app.get('/')\ndef index():\n    return 'x'\n"
WRAPPED = "from wrappers import Outer\n"
CLASS = f"{FLASK}class Site(Flask):\n    pass\n"
MAIN = "from app import create_app\napp = create_app()\n"
MADE = "    site = Site('x')\n    return site\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        # A factory that calls another one, and what calls that.
        (
            {
                "pkg___init_": "from .factory import make\ndef create_app():\n"
                "    app = make()\n    return app\n",
                "pkg__factory": FACTORY.replace("create_app", "make"),
            },
            ["pkg:create_app()", "pkg.factory:make()"],
        ),
        (
            {
                "pkg___init_": "from .factory import make\nsite = make()\n",
                "pkg__factory": FACTORY.replace("create_app", "make"),
            },
            ["pkg:site", "pkg.factory:make()"],
        ),
        # A middleware around what is imported.
        (
            {"wsgi": f"{WRAPPED}from app import app as blog\napp = Outer(blog)\n", "app": OBJECT},
            ["wsgi:app"],
        ),
        (
            {"wsgi": f"{WRAPPED}import app\napplication = Outer(app.app)\n", "app": OBJECT},
            ["wsgi:application"],
        ),
        (
            {
                "wsgi": f"{WRAPPED}from shop import web\napplication = Outer(x=web.app)\n",
                "shop___init_": "",
                "shop__web": OBJECT,
            },
            ["wsgi:application"],
        ),
        # Routes that only another module loads, or has.
        ({"wsgi": f"{IMPORTS}from app import views\n", "app__views": ROUTES, "app___init_": OBJECT},
         ["wsgi:app"]),
        ({"main": f"{IMPORTS}import routes\n", "routes": ROUTES, "app": OBJECT}, ["main:app"]),
        ({"server": ROUTES, "app": OBJECT}, ["server:app"]),
        ({"wsgi": f"import os\nos.environ['A'] = 'b'\n{IMPORTS}", "app": OBJECT}, ["wsgi:app"]),
        (
            {
                "index": f"{IMPORTS}from app import server\napp.layout = None\n",
                "app": "from dash import Dash\napp = Dash(__name__, server=True)\n"
                "server = app.server\n",
            },
            ["index:app.server"],
        ),
        # One entry that imports another one, also in a circle.
        (
            {"wsgi": "from main import app\n", "main": ROUTES, "app___init_": OBJECT},
            ["wsgi:app"],
        ),
        (
            {"wsgi": ROUTES, "run": "from wsgi import app as site\n", "app": OBJECT},
            ["run:site"],
        ),
        (
            {"wsgi": f"{ROUTES}import main\n", "main": f"{ROUTES}import wsgi\n", "app": OBJECT},
            ["wsgi:app"],
        ),
        ({"wsgi": ROUTES, "main": ROUTES, "app": OBJECT}, ["wsgi:app", "main:app"]),
        (
            {
                "wsgi": "from main import app\n",
                "main": f"from app import admin\nadmin.a = 1\n{ROUTES}",
                "app": f"{OBJECT}admin = Flask('x')\n",
            },
            ["wsgi:app", "main:admin"],
        ),
        # Modules that only use an application.
        (
            {
                "app___init_": f"{OBJECT}db = 1\nfrom app import main, models\n",
                "app__main": ROUTES,
                "app__models": "from app import app, db\n",
                "run": f"import sys\nsys.path.insert(0, '.')\n{IMPORTS}app.run()\n",
                "manage": f"{IMPORTS}cli = max(app)\n@cli.command('x')\ndef x(): ...\n",
                "worker": f"{IMPORTS}import tasks\napp.app_context().push()\n",
                "tasks": ROUTES,
            },
            ["app:app"],
        ),
        ({"wsgi": "from app import app as application\n", "app": OBJECT}, ["app:app"]),
        ({"main": f"{IMPORTS}import options\n", "options": "PORT = 1\n", "app": OBJECT},
         ["app:app"]),
        # Modules that serve while they are imported.
        ({"run": f"{IMPORTS}app.secret_key = 'x'\napp.run(debug=True)\n", "app": OBJECT}, ["app:app"]),
        ({"run": f"{IMPORTS}load()\nif True:\n    app.run()\n", "app": OBJECT}, ["app:app"]),
        (
            {"server": f"from waitress import serve\n{IMPORTS}init()\nserve(app)\n", "app": OBJECT},
            ["app:app"],
        ),
        (
            {"wsgi": f"import subprocess\n{IMPORTS}subprocess.run(['x'])\napp.a = 1\n", "app": OBJECT},
            ["wsgi:app"],
        ),
        # What a factory made, beside the factory; of several entries that do the same, the likeliest.
        ({"blog": f"{FACTORY}application = create_app()\n"}, ["blog:application"]),
        ({"wsgi": "import app\nsite = app.create_app()\n", "app___init_": FACTORY}, ["wsgi:site"]),
        (
            {
                "run": f"{MAIN}if __name__ == '__main__':\n    app.run()\n",
                "main": MAIN,
                "wsgi": MAIN,
                "app___init_": FACTORY,
            },
            ["wsgi:app"],
        ),
        ({"run": f"{MAIN}app.a = 1\n", "wsgi": MAIN, "app___init_": FACTORY}, ["run:app"]),
        (
            {"main": MAIN, "wsgi": MAIN.replace("()", "('x')"), "app___init_": FACTORY},
            ["wsgi:app", "main:app"],
        ),
        ({"run": f"{MAIN}app.run()\n", "app___init_": FACTORY}, ["app:create_app()"]),
        ({"app": OBJECT, "main": OBJECT}, ["app:app", "main:app"]),
        ({"seed": MAIN, "app___init_": FACTORY}, ["app:create_app()", "seed:app"]),
        # What a name comes from that an import of all brings.
        (
            {"wsgi": "from site1 import *\napp.a = 1\n", "site1": "from app import *\n",
             "app___init_": OBJECT},
            ["wsgi:app"],
        ),
        # Dash with a Flask object that has no other name.
        (
            {"board": "from dash import Dash\nfrom blog import create_app\n"
             "app = Dash(server=create_app())\nserver = app.server\n", "blog": FACTORY},
            ["board:app.server"],
        ),
        ({"main": f"{FACTORY}import dash\nboard = dash.Dash(__name__, server=create_app())\n"},
         ["main:board.server"]),
        ({"main": "from boards import Board\nboard = Board()\nserver = board.app.server\n"},
         ["main:server"]),
        # A server keeps a file from being loaded, which does not make another application the right one.
        (
            {"app": f"{OBJECT}from admin import admin_app\napp.wsgi_app = D(app, admin_app)\napp.run()\n",
             "admin": OBJECT.replace("app =", "admin_app =")},
            ["app:app"],
        ),
        ({"run": "from app import create_app\napp = create_app()\napp.run()\n", "app": FACTORY},
         ["app:create_app()"]),
        # What Python does not import.
        ({"app___init_": FACTORY, "app": MAIN}, ["app:create_app()"]),
        ({"web__blog___init_": OBJECT, "web__blog": OBJECT}, ["web/blog:app"]),
        # Classes that are derived from Flask's.
        ({"app": f"{CLASS}app = Site(__name__)\n"}, ["app:app"]),
        ({"app": "from core import Site\nsite = Site('x')\n", "core": CLASS}, ["app:site"]),
        ({"app": f"{CLASS}def create_app():\n{MADE}"}, ["app:create_app()"]),
        ({"app": "class A(A):\n    pass\napp = A()\n"}, []),
        ({"app": "from flask_openapi3 import OpenAPI\napp = OpenAPI(__name__)\n"}, ["app:app"]),
        ({"app": "import connexion\nsite = connexion.FlaskApp(__name__)\n"}, ["app:site"]),
    ],
)  # fmt: skip
def test_the_outermost_application_is_found(
    tmp_path: Path, texts: dict[str, str], expected: list[str]
) -> None:
    found = applications.search(project(tmp_path, **texts))
    assert [str(one) for one in found] == expected


def test_each_file_s_imports_are_followed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not once for each of the others, which takes seconds where there are many."""
    names = [f"view{number}" for number in range(20)]
    views = dict.fromkeys(names, "from flask import current_app\nimport common\n")
    main = "".join(f"import {name}\n" for name in names)
    project(tmp_path, main=IMPORTS + main, app=OBJECT, common="import re\n", **views)
    read: list[Path] = []
    imports = syntax.imports

    def noted(root: Path, one: Path) -> Iterator[tuple[int, str]]:
        read.append(one)
        return imports(root, one)

    monkeypatch.setattr(syntax, "imports", noted)
    assert not own_modules.adds(tmp_path, Path("main.py"), Path("app.py"))
    assert max(map(read.count, read)) <= 2
    (tmp_path / "common.py").write_text(IMPORTS)
    assert own_modules.adds(tmp_path, Path("main.py"), Path("app.py"))


def test_what_comes_from_packages_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took minutes for a file of 3,000 lines."""
    lines = "".join(f"A{number} = os.environ.get{number}\n" for number in range(200))
    project(tmp_path, main=f"import os\nfrom site1 import web\n{lines}app = Wrap(web.app)\n")
    project(tmp_path, site1__web=OBJECT)
    followed: list[str] = []
    of = origins.of

    def noted(root: Path, file: Path, name: str, *steps: int) -> origins.Origin | None:
        followed.append(name)
        return of(root, file, name, *steps)

    monkeypatch.setattr(origins, "of", noted)
    assert [str(one) for one in applications.search(tmp_path)] == ["main:app"]
    assert len(followed) < 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from blog import app\n", "wsgi:app"),
        ("from blog import app as site\n", "wsgi:site"),
        ("from blog import create_app\n", "wsgi:create_app()"),
        ("from board import panel\n", "wsgi:panel.server"),
        ("from elsewhere import app\n", "wsgi:app"),
        ("from elsewhere import build\napp, db = build()\n", "wsgi:app"),
        ("from blog import app\nif app:\n    app.run()\n", "blog:app"),
        ("from blog import *\n", "wsgi:app"),
        ("from board import *\n", "wsgi:panel.server"),
        ("from factory import *\n", "wsgi:create_app()"),
        ("from again import *\n", "wsgi:app"),
        ("from elsewhere import *\n", ""),
        ("from wsgi import *\n", ""),
        ("import blog\n", ""),
    ],
)
def test_a_module_that_is_named_has_what_it_imports(
    tmp_path: Path, text: str, expected: str
) -> None:
    board = "from dash import Dash\npanel = Dash(__name__)\n"
    again = "from blog import *\n"
    project(tmp_path, wsgi=text, blog=FACTORY + OBJECT, board=board, factory=FACTORY, again=again)
    for name in ("wsgi", "wsgi.py"):
        if expected:
            assert str(applications.named(tmp_path, name)) == expected
        else:
            assert slug(tmp_path, name) == "app-not-found"


@pytest.mark.parametrize("folder", ["", "blog"])
def test_a_program_is_no_module(tmp_path: Path, folder: str) -> None:
    """``from __main__ import app`` would look in the server's own process."""
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "__main__.py").write_text(OBJECT)
    assert applications.search(tmp_path) == []
    (tmp_path / folder / "__init__.py").touch()
    assert slug(tmp_path, "__main__.py") == "app-not-found"
    assert [str(one) for one in applications.search(tmp_path)] == ["blog.__main__:app"] * bool(
        folder
    )


def test_a_file_beside_a_package_of_its_name_is_refused(tmp_path: Path) -> None:
    project(tmp_path, app___init_=FACTORY, app=MAIN)
    assert slug(tmp_path, "app.py:app") == "app-not-found"
    assert str(applications.named(tmp_path, "app")) == "app:create_app()"


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ("config, *, debug", '"production", debug="production"'),
        ("*, a, b=1, c", 'a="production", c="production"'),
        ("a, /, b, c=1", '"production", "production"'),
    ],
)
def test_the_printed_call_of_a_factory_can_be_typed(
    tmp_path: Path, arguments: str, values: str
) -> None:
    project(tmp_path, app=FACTORY.replace("config=None", arguments))
    with pytest.raises(Problem) as caught:
        applications.named(tmp_path, "app")
    assert caught.value.remedy == (f"flask-modwsgi init --app 'app:create_app({values})'",)
    assert "=" not in caught.value.what
    assert applications.named(tmp_path, f"app:create_app({values})").lacking == ()
