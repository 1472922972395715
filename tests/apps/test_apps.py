"""Real applications, installed from the package index and served by ./run as they are."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import psutil
import pytest
from browser import Shown, browser
from conftest import Adopt
from consoles import shown_as_elsewhere
from person import Page, Person
from pinned import pinned
from serving import Project, ask, running, wait_for
from test_background import Service
from test_recipes import redis

__all__ = ["redis"]  # a fixture

pytestmark = pytest.mark.slow

APPLICATIONS = Path(__file__).with_name("applications")

Take = Callable[..., Project]


@pytest.fixture
def take(adopt: Adopt) -> Take:
    """`take(name, *words)` is a copy of that application, after `flask-modwsgi init WORDS`."""

    def take(name: str, *words: str) -> Project:
        folder = APPLICATIONS / name
        files = {
            str(file.relative_to(folder)): file.read_text("utf-8")
            for file in folder.rglob("*")
            if file.is_file()
        }
        files |= pinned(files["requirements.txt"])
        try:
            return adopt(name, files, *words)[0]
        except AssertionError as error:
            if "Problem  network-unreachable" in str(error):
                pytest.skip("what it needs cannot be downloaded")
            raise

    return take


def test_talisman(take: Take) -> None:
    """Whoever comes by http is sent to https; behind a proxy with TLS its own headers arrive."""
    project = take("talisman")
    assert "Apache answered / 302" in project.output
    with running(project, env={"TRUSTED_PROXIES": "127.0.0.1"}) as server:
        person = Person(server.url)
        page = person.get(X_Forwarded_Proto="https")
        assert (page.status, page.text) == (200, "<h1>Only over https</h1>")
        for name in ("Content-Security-Policy", "Strict-Transport-Security", "X-Frame-Options"):
            assert len(page.headers.get_all(name, [])) == 1, name
        assert page.headers["Content-Security-Policy"] == "default-src 'self'; img-src *"


def test_swagger_ui(take: Take) -> None:
    """Its page loads its scripts and runs them, one of them inline."""
    project = take("restx")
    with running(project) as server:
        person = Person(server.url)
        page = person.get()
        parts = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
        assert len(parts) >= 4 and "opblock-tag" not in page.text
        for part in parts:
            assert person.get(part).status == 200, part
        # Drawn by its scripts from /swagger.json.
        assert "opblock-tag" in shown_as_elsewhere(project, server)
        assert json.loads(person.get("todos").text) == [{"task": "serve it"}]
        refused = person.open("todos", b"{}", headers={"Content-Type": "application/json"})
        assert Page(refused).status == 400


def test_a_database_with_a_login_and_its_admin(take: Take) -> None:
    """Tables made by a command of the application; a row added and seen by a second login."""
    project = take("admin")
    created = project.call("./run", "flask", "create")
    assert (created.returncode, created.stdout) == (0, "created\n"), created.stderr
    with running(project) as server:
        person = Person(server.url)
        assert person.get("me").status == 401
        assert person.get("admin/user/").url.endswith("/login")
        assert person.post("login", name="bob").status == 403
        assert person.post("login", name="ann").text == "ann"
        listed = person.get("admin/user/")
        assert listed.status == 200 and "ann" in listed.text
        for part in set(re.findall(r'(?:src|href)="(/admin/static/[^"]+)"', listed.text)):
            assert person.get(part).status == 200, part
        added = person.post("admin/user/new/", name="bob")
        assert added.url.endswith("/admin/user/") and "bob" in added.text
        assert "bob" in shown_as_elsewhere(project, server, "/admin/user/", visit=signed_in)
        assert Person(server.url).post("login", name="bob").text == "bob"


def signed_in(url: str) -> Shown:
    """A page of the admin in a browser where somebody has logged in."""
    sign_in = "fetch('/login', {method: 'POST', body: new URLSearchParams({name: 'ann'})})"
    with browser() as page:
        page.open(urljoin(url, "/login"))
        page.evaluate(f"{sign_in}.then(answer => answer.text())")
        page.open(url)
        return Shown(page.evaluate("document.documentElement.outerHTML"), page.messages)


def test_a_form_behind_a_mount_point(take: Take) -> None:
    project = take("wtf")
    with running(project, env={"MOUNT_POINT": "/forms"}) as server:
        assert server.url.endswith("/forms")
        person = Person(server.url)
        form = person.get()
        assert 'action="/forms/"' in form.text
        (token,) = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', form.text)
        sent = person.post("", name="Ann", csrf_token=token)
        assert "Thank you, Ann" in sent.text
        assert sent.url == f"{server.url}/"
        assert "CSRF token is missing" in person.post("", name="Ann").text
        refused = stranger(server.url).post("", name="Eve", csrf_token=token)
        assert "CSRF tokens do not match" in refused.text


def stranger(url: str) -> Person:
    """Somebody with a session of their own."""
    person = Person(url)
    person.get()
    return person


def test_a_single_file(take: Take) -> None:
    """Static files, an upload, ranges of a download, and events that arrive one by one."""
    project = take("single")
    with running(project) as server:
        assert "<title>script ran</title>" in shown_as_elsewhere(project, server)
        person = Person(server.url)
        uploads_and_ranges(person)
        events = person.open("events")
        assert events.headers["Content-Type"].startswith("text/event-stream")
        assert (events.readline(), events.readline()) == (b"data: first\n", b"\n")
        assert person.post("go-on").status == 204
        assert events.read() == b"data: second\n\n"


def uploads_and_ranges(person: Person) -> None:
    content = os.urandom(3_000_000)
    parts = [
        b'Content-Disposition: form-data; name="title"\r\n\r\nK\xc3\xb6ln',
        b'Content-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n' + content,
    ]
    body = b"".join(b"--limit\r\n" + part + b"\r\n" for part in parts) + b"--limit--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=limit"}
    stored = json.loads(Page(person.open("upload", body, headers=kind)).text)
    assert stored == {"sha256": hashlib.sha256(content).hexdigest(), "title": "Köln"}
    whole = person.get("download")
    assert whole.body == content
    part = person.get("download", Range="bytes=1000000-1000009")
    assert (part.status, part.body) == (206, content[1_000_000:1_000_010])
    assert part.headers["Content-Range"] == "bytes 1000000-1000009/3000000"
    assert person.get("download", Range="bytes=-5").body == content[-5:]
    assert person.get("download", Range="bytes=3000000-").status == 416
    assert person.get("download", If_None_Match=whole.headers["ETag"]).status == 304


def test_httpbin(take: Take) -> None:
    """Its own answers say what arrived."""
    with running(take("httpbin", "--app", "httpbin:app")) as server:
        person = Person(server.url)
        seen = json.loads(person.get("get?a=1&a=2&b=%2F", X_Own="x").text)
        assert seen["args"] == {"a": ["1", "2"], "b": "/"}
        assert seen["headers"]["X-Own"] == "x"
        assert seen["url"] == f"{server.url}/get?a=1&a=2&b=/"
        assert json.loads(person.post("post", name="Köln").text)["form"] == {"name": "Köln"}
        for status in (204, 418, 500, 503):
            assert person.get(f"status/{status}").status == status
        assert person.get("redirect/3").url == f"{server.url}/get"
        assert json.loads(person.get("cookies/set?a=b").text) == {"cookies": {"a": "b"}}
        assert len(person.get("stream/20").text.splitlines()) == 20
        assert person.get("range/1024", Range="bytes=10-19").text == "klmnopqrst"
        assert person.get("image/png").body[:4] == b"\x89PNG"
        assert person.get("etag/x", If_None_Match='"x"').status == 304
        signed_in = person.get("basic-auth/ann/pw", Authorization="Basic YW5uOnB3")
        assert json.loads(signed_in.text) == {"authenticated": True, "user": "ann"}
        assert person.get("basic-auth/ann/pw").status == 401
        for method in ("PUT", "PATCH", "DELETE"):
            kind = {"Content-Type": "application/json"}
            answer = Page(person.open(method.lower(), b'{"a": 1}', method=method, headers=kind))
            assert json.loads(answer.text)["json"] == {"a": 1}


def test_migrations(take: Take) -> None:
    """Made where somebody develops, applied by `./run flask`, and the server uses the tables."""
    project = take("migrate")
    flask = (project.path / ".venv/bin/flask", "--app", "app", "db")
    elsewhere = {"FLASK_SQLALCHEMY_DATABASE_URI": "sqlite://"}
    for words in (["init"], ["migrate", "-m", "first"]):
        made = project.call(*flask, *words, **elsewhere)
        assert made.returncode == 0, made.stderr
    upgraded = project.call("./run", "flask", "db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    with running(project) as server:
        person = Person(server.url)
        assert json.loads(person.post("notes", text="kept").text) == ["kept"]
    with running(project) as server:
        assert json.loads(Person(server.url).get("notes").text) == ["kept"]


def test_a_limit_counted_in_memory(take: Take) -> None:
    """With one process; each address behind a proxy has its own."""
    env = {"PROCESSES": "1", "TRUSTED_PROXIES": "127.0.0.1"}
    with running(take("limiter"), env=env) as server:
        person = Person(server.url)
        for address in ("192.0.2.1", "192.0.2.2"):
            answers = [person.get(X_Forwarded_For=address) for _ in range(4)]
            assert [answer.status for answer in answers] == [200, 200, 200, 429]
            assert answers[0].headers["X-RateLimit-Remaining"] == "2"


def test_a_scheduler(take: Take) -> None:
    """With one process its jobs run once, again after a reload, and do not hold up a stop."""
    service = Service(take("scheduler"))
    started = service.run("start", PROCESSES="1")
    assert started.returncode == 0, started.stderr
    try:
        before = worked(service.url)
        reloaded = service.run("reload", PROCESSES="1")
        assert reloaded.returncode == 0, reloaded.stderr
        assert worked(service.url) != before
    finally:
        stopped = service.run("stop")
    assert stopped.returncode == 0, stopped.stderr
    assert not psutil.pid_exists(before)


def worked(url: str) -> int:
    """The process that the jobs run in, after one did."""
    person = Person(url)
    seen = wait_for(lambda: json.loads(person.get().text)["processes"], 20, "a job")
    assert seen == [json.loads(person.get().text)["own"]]
    return int(seen[0])


def test_messages_by_polling(take: Take) -> None:
    """Flask-SocketIO with one process, in the words of its protocol; the second is broadcast to."""
    project = take("socketio")
    with running(project, env={"PROCESSES": "1"}) as server:
        assert "HELLO FROM A PAGE" in shown_as_elsewhere(project, server)
        first, second = (Socket(Person(server.url)) for _ in range(2))
        first.send('42["message","hello"]')
        assert '42["answer","HELLO"]' in first.receive()
        assert '42["answer","HELLO"]' in second.receive()


class Socket:
    """https://socket.io/docs/v4/socket-io-protocol/"""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._address = "socket.io/?EIO=4&transport=polling"
        opened = json.loads(self.receive().removeprefix("0"))
        self._address += f"&sid={opened['sid']}"
        self.send("40")
        assert self.receive().startswith("40")

    def receive(self) -> str:
        return self._person.get(self._address).text

    def send(self, packet: str) -> None:
        kind = {"Content-Type": "text/plain"}
        sent = Page(self._person.open(self._address, packet.encode(), headers=kind))
        assert sent.text.lower() == "ok"


def test_rq(take: Take, redis: int) -> None:
    """A worker does what a request has asked for, as the application's user, with .env."""
    project = take("rq")
    with (project.path / ".env").open("a") as file:
        file.write(f"RQ_REDIS_URL=redis://127.0.0.1:{redis}\nGREETING=hello\n")
    with running(project) as server:
        person = Person(server.url)
        name = person.open("jobs", b"").read().decode()
        assert person.get(f"jobs/{name}").text == "None"
        worker = project.call("./run", "exec", "--", "rq", "worker", "--burst")
        assert worker.returncode == 0, worker.stderr
        user = (project.path / "var/data").stat().st_uid
        assert person.get(f"jobs/{name}").text == f"{user} hello"


def test_dash(take: Take) -> None:
    """The page runs its inline script, and its callback is answered."""
    project = take("dash", "--app", "app:app")
    with running(project) as server:
        # Dash prepares each process at its first request, and fails others that come meanwhile.
        for _ in range(20):
            assert ask(f"{server.url}/").status == 200
        page = shown_as_elsewhere(project, server)
        assert "Hello from the callback, Ann" in page


def test_a_front_end_at_the_root(take: Take) -> None:
    project = take("frontend")
    with running(project) as server:
        for path in ("/", "/a/page/of/its/own"):
            assert f"<title>{path} of Ann</title>" in shown_as_elsewhere(project, server, path)
        script = Person(server.url).get("assets/index-4f3c9b.js")
        assert script.headers["Content-Type"].startswith("text/javascript")


def test_gevent(take: Take) -> None:
    """Where Python's threads were replaced, requests are served, streamed and given up as elsewhere."""
    project = take("gevent")
    for mode in ("daemon", "embedded"):
        with running(project, env={"MODE": mode, "REQUEST_LIMIT": "5"}) as server:
            assert ask(f"{server.url}/").text == "gevent.thread"
            assert ask(f"{server.url}/stream").text == "one two"
            if mode == "daemon":  # in embedded mode, waiting in gevent is one blocking call
                assert ask(f"{server.url}/sleep").status == 504
