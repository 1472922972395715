"""Which static files of an application Apache answers for, and what it is told of them."""

import functools
import gzip
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Blueprint, Flask, Response
from samples import make_deep, me, project
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_modwsgi.apache import app_profile, precompressed
from flask_modwsgi.apache.app_profile import AppProfile, StaticFiles
from flask_modwsgi.apache.state import State
from flask_modwsgi.config import settings
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import check_environment
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.doctor.import_failures import Outcome
from flask_modwsgi.machine.accounts import Account
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import import_check, launch, restart_reasons, smoke_test
from flask_modwsgi.worker import private_files, static_versions

OWN_VIEW = "a view of its own"


class Guarded(Flask):
    """Static files only for who may see them."""

    def send_static_file(self, filename: str) -> Response:
        raise NotImplementedError


def with_a_view(folder: str) -> Flask:
    app = Flask(__name__, static_folder=folder)
    app.view_functions["static"] = lambda filename: filename
    return app


def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def guarded(*words: Any, **names: Any) -> Any:
        raise NotImplementedError

    return guarded


def with_a_guard(folder: str) -> Flask:
    app = Flask(__name__, static_folder=folder)
    app.view_functions["static"] = login_required(app.view_functions["static"])
    return app


def with_a_guarded_method(folder: str) -> Any:
    app: Any = Flask(__name__, static_folder=folder)
    app.send_static_file = login_required(app.send_static_file)
    return app


def with_the_method(folder: str) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.static_folder = folder
    app.add_url_rule("/files/<path:filename>", "static", app.send_static_file)
    app.static_url_path = "/files"
    return app


@pytest.mark.parametrize(
    ("make", "url", "note"),
    [
        (lambda f: Flask(__name__, static_folder=f), "/files", ""),
        (lambda f: Flask(__name__, static_folder=f"{f}/../files/"), "/files", ""),
        (lambda f: Flask(__name__, static_folder=f, static_url_path="/a/b.c"), "/a/b.c", ""),
        (lambda f: Flask(__name__, static_folder=f, static_url_path="/a/"), "/a", ""),
        (lambda f: Flask(__name__, static_folder=f, static_url_path=""), None, "the address /"),
        (lambda f: Flask(__name__, static_folder=f, static_url_path="/"), None, "the address /"),
        (lambda f: Flask(__name__, static_folder=f, static_url_path="/a b"), None, "/a b"),
        (lambda f: Flask(__name__, static_folder=f, static_url_path="/(x)"), None, "/(x)"),
        (lambda f: Flask(__name__, static_folder=f"{f}/none"), None, ""),
        (lambda f: Flask(__name__, "/static", f'{f}/"odd"'), None, "is called"),
        (lambda f: Flask(__name__, static_folder=None), None, ""),
        (lambda f: Guarded(__name__, static_folder=f), None, OWN_VIEW),
        (with_a_view, None, OWN_VIEW),
        (with_a_guard, None, OWN_VIEW),
        (with_a_guarded_method, None, OWN_VIEW),
        (with_the_method, "/files", ""),
        (
            lambda f: Flask(
                __name__, static_folder=f, static_host="cdn.example", host_matching=True
            ),
            None,
            "one host name",
        ),
        (lambda f: Flask(__name__, static_folder=f).wsgi_app, None, ""),
        (lambda f: object(), None, ""),
    ],
)
def test_apache_answers_for_what_flask_would_alone(
    tmp_path: Path, make: Callable[[str], Any], url: str | None, note: str
) -> None:
    (tmp_path / "files" / '"odd"').mkdir(parents=True)
    found = app_profile.of(make(str(tmp_path / "files")))
    assert found.static == (StaticFiles(tmp_path / "files", url) if url else None)
    assert note in found.note
    assert bool(found.note) == bool(note)


@pytest.mark.parametrize(
    ("folder", "shown"),
    [
        ("/", ".env"),
        (".", ".env"),
        ("..", ".env"),
        ("var", "var"),
        ("var/apache/workers", "var/apache/workers"),
        ("static/../var/log", "var/log"),
        ("shared", "shared/apache"),
        ("static", ""),
        ("var/data/dist", ""),
        ("var/env/1/lib/python3.12/site-packages/blog/static", ""),
        ("var/www/dist", ""),
        ("various", ""),
    ],
)
@pytest.mark.parametrize("field", ["static_folder", "flask_folders"])
def test_no_static_folder_shows_what_is_secret(
    tmp_path: Path, folder: str, shown: str, field: str
) -> None:
    """Flask would send ``.env``; Apache, what is in ``var``, and root would walk the whole machine."""
    (tmp_path / "shared").mkdir()
    root = tmp_path / "project"
    own = Project(root, root / "var/env/1", service=root / "shared/apache")
    told_folder = str(root / folder)
    value = told_folder if field == "static_folder" else (told_folder,)
    values: dict[str, Any] = {field: value, "static_url": "/static"}
    told = AppProfile(**values)
    outcome = Outcome(root / "blog.wsgi", True, 0, "", 1.0, application=told)
    if not shown:
        assert import_check.verdict(outcome, own, me(), settings.load({})) == told
        return
    with pytest.raises(Problem, match="static-folder-open") as refused:
        import_check.verdict(outcome, own, me(), settings.load({}))
    assert f" {root / shown}" in str(refused.value)


def test_a_static_folder_with_links_to_what_is_secret(tmp_path: Path) -> None:
    """As releases have them, which Flask follows."""
    root = tmp_path / "releases/1"
    root.mkdir(parents=True)
    (tmp_path / "var").mkdir()
    for shared in (".env", "var"):
        (root / shared).symlink_to(tmp_path / shared)
    assert Project(root).secret_in(root) == root / ".env"
    assert Project(root).secret_in(root / "static") is None


@pytest.fixture
def with_secrets(tmp_path: Path) -> Path:
    """A project with static files and secrets."""
    root = tmp_path.resolve() / "project"
    for folder in ("blog/static/deep", "var/apache", "var/data"):
        (root / folder).mkdir(parents=True)
    for secret in (".env", "var/apache/environment.json"):
        (root / secret).write_text("FLASK_SECRET_KEY=x\n")
        (root / secret).chmod(0o600)
    return root


@pytest.mark.parametrize("secret", [".env", "var/apache/environment.json"])
@pytest.mark.parametrize("field", ["static_folder", "flask_folders"])
def test_another_name_of_a_secret_is_no_static_file(
    with_secrets: Path, secret: str, field: str
) -> None:
    """A hard link, which everyone could read once its permissions were those of static files."""
    folder, root = with_secrets / "blog/static", with_secrets
    value = str(folder) if field == "static_folder" else (str(folder),)
    values: dict[str, Any] = {field: value, "static_url": "/static"}
    told = AppProfile(**values)
    outcome = Outcome(root / "blog.wsgi", True, 0, "", 1.0, application=told)
    file = folder / "deep/env.txt"
    file.hardlink_to(root / secret)
    with pytest.raises(Problem) as refused:
        import_check.verdict(outcome, Project(root), me(), settings.load({}))
    assert refused.value.slug == "secret-linked"
    assert str(file) in refused.value.what and str(root / secret) in refused.value.what
    for command in refused.value.remedy:
        subprocess.run(command, shell=True, check=True)
    assert (root / secret).read_text() and stat.S_IMODE((root / secret).stat().st_mode) == 0o600
    assert import_check.verdict(outcome, Project(root), me(), settings.load({})) == told


@pytest.mark.parametrize(
    "target", [".env", "var/apache/environment.json", "var/apache", "var", ".", "key.pem"]
)
@pytest.mark.parametrize("field", ["static_folder", "flask_folders"])
def test_a_link_to_a_secret_is_no_static_file(with_secrets: Path, target: str, field: str) -> None:
    """Flask follows it. Other links stay."""
    folder, root = with_secrets / "blog/static", with_secrets
    (root / "key.pem").touch(0o600)
    (root / "blog/more").mkdir()
    values: dict[str, Any] = {"static_url": "/static"}
    values[field] = str(folder) if field == "static_folder" else (str(folder),)
    told = AppProfile(**values)
    outcome = Outcome(root / "blog.wsgi", True, 0, "", 1.0, application=told)
    chosen = settings.load({"TLS_CERTIFICATE": "cert.pem", "TLS_KEY": "key.pem"})
    for number, other in enumerate(("var/data", "blog/more", "missing")):
        (folder / f"other{number}").symlink_to(root / other)
    assert import_check.verdict(outcome, Project(root), me(), chosen) == told
    link = folder / "deep/seen"
    link.symlink_to(os.path.relpath(root / target, link.parent))
    with pytest.raises(Problem, match="secret-linked") as refused:
        import_check.verdict(outcome, Project(root), me(), chosen)
    assert f"{link} is a link to {root}" in refused.value.what
    for command in refused.value.remedy:
        subprocess.run(command, shell=True, check=True)
    assert (root / target).exists() and not link.is_symlink()
    assert import_check.verdict(outcome, Project(root), me(), chosen) == told


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root has files that the application cannot read"
)
def test_no_command_opens_another_name_of_a_secret(with_secrets: Path, tmp_path: Path) -> None:
    """Neither of a static file nor of another that the application may need."""
    for folder in (*with_secrets.parents, with_secrets):
        if folder.is_relative_to(tmp_path.parent):
            folder.chmod(0o755)
    file = with_secrets / "blog/static/env.txt"
    file.hardlink_to(with_secrets / ".env")
    other = Account("nobody", 65534, "nogroup", 65534)
    with pytest.raises(Problem, match="secret-linked"):
        check_environment.check_static(other, file.parent, Project(with_secrets))


@pytest.mark.parametrize("static", ["blog/static", "keys", "keys/deep"])
def test_the_key_of_a_certificate_is_no_static_file(with_secrets: Path, static: str) -> None:
    """Wherever ``TLS_KEY`` has it."""
    key, folder = with_secrets / "keys/key.pem", with_secrets / static
    folder.mkdir(parents=True, exist_ok=True)
    key.parent.mkdir(exist_ok=True)
    key.touch(0o600)
    chosen = settings.load({"TLS_CERTIFICATE": "keys/cert.pem", "TLS_KEY": "keys/key.pem"})
    told = AppProfile(flask_folders=(str(folder),))
    outcome = Outcome(with_secrets / "blog.wsgi", True, 0, "", 1.0, application=told)
    own = Project(with_secrets)
    if static != "keys":
        assert import_check.verdict(outcome, own, me(), chosen) == told
        (folder / "key.txt").hardlink_to(key)
    with pytest.raises(Problem, match=r"static-folder-open|secret-linked") as refused:
        import_check.verdict(outcome, own, me(), chosen)
    assert str(key) in refused.value.what


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_secrets_are_those_of_folders_where_the_application_names_nothing(
    with_secrets: Path,
) -> None:
    """It could have root remove any file of its own. Its environment is in a folder of root."""
    for folder, is_theirs in (("var/apache", False), ("var/apache/workers", True)):
        file = with_secrets / folder / "environment.json"
        file.parent.mkdir(exist_ok=True)
        file.touch()
        for path in (file, *([file.parent] if is_theirs else [])):
            os.chown(path, 65534, 65534)
        other = with_secrets / "blog/static/env.txt"
        other.hardlink_to(file)
        found = Project(with_secrets).linked_secret([other])
        assert found == (None if is_theirs else (other, file))
        other.unlink()


def test_a_secret_has_other_names_elsewhere(with_secrets: Path) -> None:
    """As a backup makes them, and a release that shares them."""
    (with_secrets.parent / "backup").hardlink_to(with_secrets / ".env")
    files = [with_secrets / "blog/static/a.css", with_secrets / ".env"]
    files[0].touch()
    assert Project(with_secrets).linked_secret(files) is None


def test_flask_is_asked_for_its_folder_where_it_answers(tmp_path: Path) -> None:
    """A view of the application's own may know what it sends."""
    folder = str(tmp_path)
    at_the_root = app_profile.of(Flask(__name__, static_folder=folder, static_url_path=""))
    assert (at_the_root.flask_folders, at_the_root.static) == ((folder,), None)
    for app in (Flask(__name__, static_folder=folder), with_a_view(folder), with_a_guard(folder)):
        assert app_profile.of(app).flask_folders == ()


def with_blueprints(root: Path, folder: str) -> Flask:
    """An application whose blueprint has another in it, with static files."""
    app = Flask(__name__, root_path=str(root / "blog"), static_folder=None)
    outer = Blueprint("outer", __name__, root_path=str(root / "blog"))
    files = Blueprint(
        "files", __name__, root_path=str(root / "blog"), static_folder=folder, static_url_path="/f"
    )
    outer.register_blueprint(files)
    app.register_blueprint(outer, url_prefix="/bp")
    return app


@pytest.mark.parametrize(
    ("folder", "shown"), [("..", ".env"), ("../var/log", "var/log"), ("static", ""), ("none", "")]
)
def test_a_blueprint_shows_nothing_that_is_secret(tmp_path: Path, folder: str, shown: str) -> None:
    """Flask sends every file of its folder, ``/bp/f/.env`` too."""
    root = tmp_path.resolve()
    for made in ("blog/static", "var/log"):
        (root / made).mkdir(parents=True)
    (root / ".env").write_text("FLASK_SECRET_KEY=x\n")
    app = with_blueprints(root, folder)
    with app.test_client().get("/bp/f/.env") as answer:
        assert (b"SECRET" in answer.data) == (folder == "..")
    told = app_profile.told(json.loads(json.dumps(asdict(app_profile.of(app)))))
    outcome = Outcome(root / "blog.wsgi", True, 0, "", 1.0, application=told)
    if not shown:
        assert import_check.verdict(outcome, Project(root), me(), settings.load({})) == told
        return
    with pytest.raises(Problem, match="static-folder-open") as refused:
        import_check.verdict(outcome, Project(root), me(), settings.load({}))
    assert str(root / shown) in refused.value.what


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("a.css", 200),
        (".well-known/a", 200),
        (".hidden", 404),
        (".git/a", 404),
        (".well-known/.a", 404),
        ("a.css.bak", 404),
        ("deep/#a#", 404),
        ("a.py.swp", 404),
        ("a.css.bak/", 404),
        ("a.css~//", 404),
    ],
)
@pytest.mark.parametrize("address", ["/static", "/bp/f", "/bp/other"])
def test_flask_sends_no_copy_of_an_editor(
    tmp_path: Path, address: str, name: str, status: int
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    app = Flask(__name__, static_folder=str(tmp_path), static_url_path="/static")
    files = Blueprint("files", __name__, static_folder=str(tmp_path), static_url_path="/f")
    files.add_url_rule("/other/<path:filename>", "other", files.send_static_file)
    app.register_blueprint(files, url_prefix="/bp")
    quoted = f"{address}/{name}".replace("#", "%23")
    with app.test_client().get(quoted) as answer:
        assert answer.status_code == 200
    private_files.keep_back(ProxyFix(app))
    with app.test_client().get(quoted) as answer:
        assert answer.status_code == status


def test_a_static_view_of_its_own_is_left_as_it_is(tmp_path: Path) -> None:
    app = with_blueprints(tmp_path, str(tmp_path))
    own = login_required(app.view_functions["outer.files.static"])
    app.view_functions["outer.files.static"] = own
    private_files.keep_back(app)
    assert app.view_functions["outer.files.static"] is own


class OfATenant(Flask):
    """It needs more than the name of a file."""

    def send_static_file(self, filename: str, tenant: str = "") -> Response:
        return Response(f"{tenant} {filename}")


def test_static_files_may_need_more_than_a_name() -> None:
    app = OfATenant(__name__, static_folder=".", static_url_path="/<tenant>/static")
    private_files.keep_back(app)
    assert app.test_client().get("/ann/static/a.css").text == "ann a.css"


def test_a_view_of_a_blueprint_may_know_what_it_sends(tmp_path: Path) -> None:
    app = with_blueprints(tmp_path, str(tmp_path))
    assert app_profile.of(app).flask_folders == (str(tmp_path.resolve()),)
    view = app.view_functions["outer.files.static"]
    app.view_functions["outer.files.static"] = login_required(view)
    assert app_profile.of(app).flask_folders == ()


def test_another_address_needs_a_restart() -> None:
    now = AppProfile("/srv/x/dist", "/static")
    before = State(started=1.0, static_folder="/srv/x/dist", static_url="/static")
    assert restart_reasons.stale(before, now) == []
    assert restart_reasons.stale(State(started=1.0), AppProfile()) == []
    assert restart_reasons.stale(State(), now) == []  # the state is lost
    assert restart_reasons.stale(replace(before, static_folder="/srv/x/static"), now) == []
    for other in (State(started=1.0), replace(before, static_url="/")):
        assert len(restart_reasons.stale(other, now)) == 1
    assert restart_reasons.stale(before, AppProfile()) == [
        "the address of the static files (was /static, is now none)"
    ]


def test_what_is_asked_whether_it_answers() -> None:
    app = Flask(__name__, static_folder=None)
    assert app_profile.of(app).is_alive_at == "/"
    app.add_url_rule("/health/live", view_func=lambda: "alive")
    app.config["USE_X_SENDFILE"] = True
    assert app_profile.of(app).is_alive_at == "/health/live"
    assert app_profile.of(app).sends_by_header
    assert app_profile.of(lambda environ, start_response: []) == AppProfile()


class Own:
    """A middleware, as an application may have one of its own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (ProxyFix, "ProxyFix"),
        (lambda app: DispatcherMiddleware(app, {"/other": Flask("other")}), "DispatcherMiddleware"),
        (lambda app: ProxyFix(Own(app)), "ProxyFix"),
    ],
)
def test_an_application_that_is_wrapped_is_asked(
    tmp_path: Path, wrap: Callable[[Flask], Any], name: str
) -> None:
    """Apache would answer for its static files without asking what it is wrapped in."""
    app = Flask(__name__, static_folder=str(tmp_path))
    app.config["USE_X_SENDFILE"] = True
    found = app_profile.of(wrap(app))
    assert found.sends_by_header
    assert found.static is None
    assert found.note == f"the application is wrapped in {name}"


def test_what_has_itself_as_its_application_is_none() -> None:
    own = Own(None)
    own.app = own
    assert app_profile.of(own) == AppProfile()


def test_a_websocket_is_told() -> None:
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/page", view_func=lambda: "page")
    assert app_profile.of(app).limitation == ""
    # As Flask-Sock does it.
    app.add_url_rule("/rooms/<name>", "room", lambda name: "", websocket=True)
    app.add_url_rule("/other", "other", lambda: "", websocket=True)
    told = "/rooms/<name> is a WebSocket, which does not work with mod_wsgi"
    assert app_profile.of(app).limitation == told


def test_the_file_that_is_asked_for_is_one_that_apache_serves(tmp_path: Path) -> None:
    static = StaticFiles(tmp_path, "/static")
    for name in (".DS_Store", "a.css~", "a.css.bak", "#a.css#", "a.css.swp", "a.css.ORIG"):
        (tmp_path / name).touch()
    (tmp_path / "b.css").symlink_to(tmp_path / "a.css~")
    assert smoke_test._a_static_file(static) == ""
    (tmp_path / "c d.css").touch()
    assert smoke_test._a_static_file(static) == "/static/c%20d.css"


def test_a_file_is_looked_at_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.css"
    file.write_text("red")
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    versions = static_versions.Versions(tmp_path)
    first = versions.of("a.css")
    assert {versions.of("a/../" * number + "a.css") for number in range(100)} == {first}
    assert list(versions._known) == ["a.css"]
    file.write_text("green")
    now += 0.9
    assert versions.of("a.css") == first
    now += 0.2
    second = versions.of("a.css")
    assert second and second != first
    file.unlink()
    now += 1
    assert versions.of("a.css") is None


@pytest.mark.parametrize(
    "values",
    [
        {"static_folder": '/x"\nLoadModule x "', "static_url": "/static"},
        {"static_folder": "static", "static_url": "/static"},
        {"static_folder": "/x", "static_url": "/static|/"},
        {"static_folder": "/x"},
        {"static_folder": 1},
        {"flask_folders": 1},
        {"flask_folders": ["/x", 1]},
        {"flask_folders": ["/x\0"]},
        {"is_alive_at": "/\r\nX: y"},
        {"sends_by_header": "no"},
        {"websocket": True},
        {"more": 1},
        [1],
        5,
    ],
)
def test_what_an_application_tells_of_itself_may_be_anything(values: Any) -> None:
    """Its own process tells it; root puts it into Apache's configuration."""
    with pytest.raises((TypeError, ValueError)):
        app_profile.told(values)
    assert import_check._read(json.dumps({"loaded": values}).encode()) == {}
    right = AppProfile("/srv/x/dist", "/static", is_alive_at="/health/live")
    assert app_profile.told(vars(right)) == right


def made(folder: Path, largest: int = precompressed.LARGEST) -> list[str]:
    """What is made of the static files there, by their endings."""
    target = folder.with_name("copies")
    target.mkdir(exist_ok=True)
    precompressed.make(folder, target, largest)
    return sorted(path.suffix for path in target.iterdir())


def test_a_file_that_is_too_large_gets_no_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its version; so a gigabyte is neither kept in memory nor waited for."""
    compressed: list[int] = []

    def compress(content: bytes) -> bytes:
        compressed.append(len(content))
        return b""

    monkeypatch.setattr(precompressed, "COMPRESS", {"gz": compress})
    folder = tmp_path / "static"
    folder.mkdir()
    with (folder / "data.json").open("wb") as file:
        file.truncate(precompressed.LARGEST + 1)
    assert made(folder) == [""]
    with (folder / "data.json").open("wb") as file:
        file.truncate(precompressed.LARGEST)
    assert made(folder) == ["", ".gz"]
    assert compressed == [precompressed.LARGEST]
    assert made(folder, largest=0) == [""]


@pytest.mark.parametrize("is_temporary", [False, True])
def test_a_server_that_runs_for_a_short_time_compresses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_temporary: bool
) -> None:
    def run(words: list[Any], **options: object) -> subprocess.CompletedProcess[str]:
        precompressed.make(Path(words[4]), Path(words[5]), int(words[6]))
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(precompressed, "COMPRESS", {"gz": gzip.compress})
    for name in ("static", "root"):
        (tmp_path / name).mkdir()
    (tmp_path / "static" / "a.css").write_text("a { color: red }\n" * 99)
    python = SimpleNamespace(python=sys.executable, root=tmp_path)
    site: Any = SimpleNamespace(
        project=python, root=tmp_path / "root", account=me(), is_temporary=is_temporary, environ={}
    )
    precompressed.renew(site, StaticFiles(tmp_path / "static", "/static"))
    endings = sorted(path.suffix for path in (tmp_path / "root" / "static").iterdir())
    assert endings == ([""] if is_temporary else ["", ".gz"])


def compressed_by(python: Path | str, folder: Path) -> Any:
    """A site in `folder` for which that program is to make the copies."""
    (folder / "static").mkdir()
    (folder / "root").mkdir()
    return SimpleNamespace(
        project=SimpleNamespace(python=python, root=folder),
        root=folder / "root",
        account=me(),
        is_temporary=True,
        environ=os.environ,
    )


def script(file: Path, line: str) -> Path:
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(0o755)
    return file


def test_what_compresses_has_neither_the_input_nor_the_session_of_this_process(
    tmp_path: Path,
) -> None:
    """Another process of the run user could take root's terminal from it (pidfd_getfd)."""
    null = "os.path.samestat(os.fstat(0), os.stat(os.devnull))"
    code = f"import os, sys; sys.exit(not ({null} and os.getsid(0) == os.getpid()))"
    site = compressed_by(
        script(tmp_path / "python", f"exec {sys.executable} -c '{code}'"), tmp_path
    )
    own, (reader, writer) = os.dup(0), os.pipe()
    os.dup2(reader, 0)
    try:
        precompressed.renew(site, StaticFiles(tmp_path / "static", "/static"))
    finally:
        os.dup2(own, 0)
        for end in (own, reader, writer):
            os.close(end)


def test_what_compresses_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process of the run user can stop it."""
    monkeypatch.setattr(precompressed, "LIMIT", 0.2)
    site = compressed_by(script(tmp_path / "python", "kill -STOP $$"), tmp_path)
    with pytest.raises(Problem, match="longer than"):
        precompressed.renew(site, StaticFiles(tmp_path / "static", "/static"))


def test_what_the_application_puts_among_the_copies_is_removed(tmp_path: Path) -> None:
    """However deep; a reload would fail from then on."""
    site = compressed_by("true", tmp_path)  # a program that makes no copies
    copies = site.root / "static"
    ways: list[Callable[[Path], None]] = [make_deep, lambda folder: os.mkfifo(folder / "pipe")]
    for spoil in ways:
        copies.mkdir(parents=True, exist_ok=True)
        spoil(copies)
        precompressed.renew(site, StaticFiles(tmp_path / "static", "/static"))
        assert list(site.root.iterdir()) == [copies] and not list(copies.iterdir())


@pytest.mark.parametrize("root", ["apache", "proof", "testgw0"])
def test_which_servers_run_for_a_short_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    monkeypatch.setattr(launch, "before", lambda verb, facts: None)
    monkeypatch.setattr(Facts, "certificate", None)
    served = project(tmp_path)
    served.environment.joinpath("bin").mkdir(parents=True)
    assert launch.collect(served, root=root).is_temporary == (root != "apache")
