"""`flask-modwsgi init` reads what the project says of its application itself."""

from pathlib import Path

import pytest
from test_init import FACTORY, NEEDY, OBJECT, project

from flask_modwsgi.setup import adopt, declared

MADE = "from app import create_app\napp = create_app()\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (".flaskenv", "FLASK_APP=microblog.py\n", "microblog:app"),
        (".flaskenv", "FLASK_APP=run.py\n", "application:application"),
        (".flaskenv", "A=b\nexport FLASK_APP='app:create_app' # it\n", "app:create_app()"),
        (".env", 'FLASK_APP = "needy:create_app(1, debug=True)"\n', "needy:create_app(1, debug=True)"),
        (".flaskenv", "FLASK_APP=needy.py:create_app('x', debug=True)  # it\n",
         "needy:create_app('x', debug=True)"),
        (".env", "FLASK_APP=app#not\n", ""),
        ("Procfile", "web: flask db upgrade; gunicorn microblog:app\n", "microblog:app"),
        ("Procfile", "web: gunicorn -b unix:x.sock -w 4 'app:create_app()'\n", "app:create_app()"),
        ("Procfile", "web: uwsgi --http :$PORT --module microblog:app\n", "microblog:app"),
        ("Procfile", "web: gunicorn application --bind 0.0.0.0:8000\n", "application:application"),
        ("Procfile", "web: gunicorn --chdir other microblog:app\n", ""),
        ("Procfile", "web: gunicorn 'microblog:app\nworker: celery -A app:celery\n", ""),
        ("Procfile", "# web: gunicorn microblog:app\n\nweb: gunicorn application:application\n",
         "application:application"),
        ("Procfile", "#web: gunicorn microblog:app\n", ""),
        ("Procfile", "web: gunicorn gone:app\n", ""),
        (".flaskenv", "FLASK_APP=\n", ""),
        (".flaskenv", "#FLASK_APP=microblog.py\n", ""),
        (".flaskenv", "FLASK_APP=needy\n", ""),
    ],
)  # fmt: skip
def test_the_project_names_its_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, expected: str
) -> None:
    monkeypatch.delenv("FLASK_APP", raising=False)
    named = OBJECT.replace("app =", "application =")
    project(tmp_path, app___init_=FACTORY, microblog=MADE, needy=NEEDY, application=named)
    project(tmp_path, run="from application import application as app\napp.run(debug=True)\n")
    (tmp_path / name).write_text(text)
    found = declared.application(tmp_path)
    assert (str(found[0]) if found else "") == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "api: gunicorn -k uvicorn.workers.UvicornWorker api:app\nweb: gunicorn app:app\n",
            "app:app",
        ),
        ("api: gunicorn -k uvicorn_worker.UvicornWorker api:app\n", ""),
        ("web: gunicorn site1.wsgi\nsvc: gunicorn svc.app:app\n", "svc.app:app"),
        ("web: gunicorn wsgi\nadmin: gunicorn admin:app\n", "wsgi:application"),
        ("web: gunicorn wsgi:site\nadmin: gunicorn admin:app\n", "admin:app"),
        ("web: gunicorn site1.wsgi\n", "site1.wsgi:application"),
        ("web: gunicorn api:app\nnext: gunicorn site1.wsgi\n", "api:app"),
    ],
)
def test_among_several_commands_the_one_of_a_flask_application_counts(
    tmp_path: Path, lines: str, expected: str
) -> None:
    project(
        tmp_path,
        **dict.fromkeys(("app", "admin", "svc__app"), OBJECT),
        wsgi="from app import app as application\nfrom other import site\n",
        site1__wsgi="from django import serve\napplication = serve()\n",
        api="from fastapi import FastAPI\napp = FastAPI()\n",
    )
    (tmp_path / ".flaskenv").write_text("FLASK_APP=gone\n")
    (tmp_path / "Procfile").write_text(lines)
    found = declared.application(tmp_path)
    assert (str(found[0]) if found else "") == expected


def test_what_is_served_is_before_what_the_environment_and_its_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, **dict.fromkeys("abcd", OBJECT))
    (tmp_path / ".flaskenv").write_text("FLASK_APP=a\n")
    (tmp_path / ".env").write_text("FLASK_APP=b\n")
    monkeypatch.setenv("FLASK_APP", "c.py")
    (tmp_path / "Procfile").write_text("web: gunicorn d:app\n")
    found = [str(adopt._chosen(tmp_path))]
    (tmp_path / "Procfile").unlink()
    found.append(str(adopt._chosen(tmp_path)))
    monkeypatch.delenv("FLASK_APP")
    found.append(str(adopt._chosen(tmp_path)))
    (tmp_path / ".env").unlink()
    found.append(str(adopt._chosen(tmp_path)))
    assert found == ["d:app", "c:app", "b:app", "a:app"]
    places = ["the Procfile", "FLASK_APP", "FLASK_APP in .env", "FLASK_APP in .flaskenv"]
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [f"{app} is named in {place}" for app, place in zip(found, places, strict=True)]
