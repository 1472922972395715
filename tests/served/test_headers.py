"""What browsers are told with every kind of answer, and what a real browser makes of it."""

import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse

import psutil
import pytest
from browser import browse
from serving import Answer, Project, Running, ask, running, wait_for
from test_limits import chunked, connect, head, pids

pytestmark = pytest.mark.slow

POLICIES = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'; object-src 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-site",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Content-Type-Options": "nosniff",
}
OWN = {name: "own" for name in POLICIES}

VIEWS = f"""

@bp.get("/own")
def own() -> Any:
    return "own", {OWN | {"X-Request-ID": "own"}}


@bp.get("/moved")
def moved() -> Any:
    return redirect("/", 301)


@bp.get("/tagged")
def tagged() -> Any:
    from flask import make_response
    response = make_response("tagged")
    response.set_etag("tag")
    return response.make_conditional(request)


@bp.post("/take")
def take() -> Any:
    return str(len(request.get_data()))


@bp.get("/blocks")
def blocks() -> str:
    time.sleep(1000)
    return "never"


@bp.get("/dying")
def dying() -> str:
    print("under way")
    time.sleep(4)
    return "never"


@bp.get("/baker")
def baker() -> Any:
    session["name"] = "somebody"
    return "in", [("Set-Cookie", "a=b; Secure; Path=/"), ("Set-Cookie", "secure=no; Path=/")]


@bp.get("/unsafe")
def unsafe() -> Any:
    page = (
        "<!doctype html><title>safe</title><script>document.title = 'changed'</script>"
        "<p style='color: red'>styled</p><iframe src='/'></iframe>"
    )
    return page, dict(request.args)
"""


@dataclass
class Face:
    serving: Running
    stuck: Future[Answer]


@pytest.fixture(scope="module")
def face(changed: Project) -> Iterator[Face]:
    """A server with one request that is stuck, whose 504 comes while others are asked for."""
    views = changed.package / "views.py"
    link = changed.package / "static" / "link"
    before = views.read_text("utf-8")
    views.write_text(before + VIEWS, "utf-8")
    link.symlink_to("/etc/passwd")
    try:
        env = {"REQUEST_LIMIT": "5", "MAX_UPLOAD_MB": "1", "STOP_LIMIT": "2"}
        env["TRUSTED_PROXIES"] = "127.0.0.1"  # so that a request can say that it came by https
        with running(changed, env=env) as serving, ThreadPoolExecutor(1) as pool:
            yield Face(serving, pool.submit(get, serving, "/blocks"))
    finally:
        link.unlink()
        views.write_text(before, "utf-8")


def send(serving: Running, *parts: bytes) -> Answer:
    with connect(serving) as connection:
        for part in parts:
            connection.sendall(part)
        method = parts[0].partition(b" ")[0].decode()
        with HTTPResponse(connection, method=method) as response:
            response.begin()
            text = response.read().decode(errors="replace")
            return Answer(response.status, response.headers, text)


def get(serving: Running, path: str, *fields: str) -> Answer:
    return send(serving, head(f"GET {path}", "text/html", *fields))


def tells_everything(answer: Answer, policies: dict[str, str] = POLICIES) -> None:
    """Each header is there, once, with its value; and the server says no more than its name."""
    for name, value in policies.items():
        assert answer.headers.get_all(name) == [value], name
    assert answer.headers.get_all("Server") == ["Apache"]
    assert answer.headers["X-Powered-By"] is None
    assert not re.search(r"Apache/|mod_wsgi/|Python/|Werkzeug/", answer.text)


def etag(serving: Running, path: str) -> str:
    return f"If-None-Match: {get(serving, path).headers['ETag']}"


# --- In development. First, because a project serves once, and `face` does to the end.


def test_a_traceback_in_development_is_readable(changed: Project) -> None:
    with running(changed, "dev") as serving:
        shown = browse(f"{serving.url}/boom")
        assert "RuntimeError: a detail" in shown.page
        assert "The debugger caught an exception" in shown.page
        assert shown.messages == []
        # Other pages are told what they are told in production; nothing is kept.
        page = ask(f"{serving.url}/")
        tells_everything(page)
        assert "?v=" not in page.text
        for query in ("", "?v=0123456789abcdef"):
            file = ask(f"{serving.url}/static/style.css{query}")
            assert file.headers["Cache-Control"] == "no-cache"


def test_a_request_that_is_never_finished(changed: Project) -> None:
    (changed.path / "apache.conf").write_text("RequestReadTimeout header=1-2,MinRate=500\n")
    with running(changed, "serve", "--apache-include", "apache.conf") as serving:
        answer = send(serving, b"GET / HTTP/1.1\r\nHost: here\r\n")
    assert answer.status == 408
    tells_everything(answer)


def test_a_second_instance_can_have_a_session_cookie_of_its_own(changed: Project) -> None:
    """By the line in docs/guide/headers.md."""
    file = changed.path / ".env"
    before = file.read_text("utf-8")
    file.write_text(f"{before}FLASK_SESSION_COOKIE_NAME=staging\n", "utf-8")
    try:
        with running(changed) as serving:
            sent = ask(f"{serving.url}/login").headers["Set-Cookie"]
    finally:
        file.write_text(before, "utf-8")
    assert sent.startswith("staging=")


# --- Every kind of answer

KINDS: dict[str, Callable[[Running], Answer]] = {
    "200 page": lambda s: get(s, "/"),
    "200 JSON": lambda s: get(s, "/health/live"),
    "200 HEAD": lambda s: send(s, head("HEAD /", "text/html")),
    "200 OPTIONS": lambda s: send(s, head("OPTIONS /", "text/html")),
    "200 file": lambda s: get(s, "/static/style.css"),
    "200 compressed": lambda s: get(s, "/static/style.css?v=x", "Accept-Encoding: br, gzip;q=0"),
    "200 chunked": lambda s: send(
        s, head("POST /take", "*/*", "Transfer-Encoding: chunked"), chunked(9)
    ),
    "206 file": lambda s: get(s, "/static/style.css", "Range: bytes=0-3"),
    "301 page": lambda s: get(s, "/moved"),
    "302 page": lambda s: get(s, "/go"),
    "304 page": lambda s: get(s, "/tagged", etag(s, "/tagged")),
    "304 file": lambda s: get(s, "/static/style.css", etag(s, "/static/style.css")),
    "400 line": lambda s: send(s, b"GET / a b\r\n\r\n"),
    "400 address": lambda s: get(s, "/%zz"),
    "400 host": lambda s: send(s, b"GET / HTTP/1.1\r\n\r\n"),
    "403 file": lambda s: get(s, "/static/link"),
    "404 page": lambda s: get(s, "/none"),
    "404 file": lambda s: get(s, "/static/none"),
    "405 page": lambda s: send(s, head("DELETE /", "text/html")),
    "405 file": lambda s: send(s, head("FOO /static/style.css", "text/html")),
    "405 trace": lambda s: send(s, head("TRACE /", "text/html")),
    "413 page": lambda s: send(s, head("POST /take", "text/html", "Content-Length: 9999999")),
    "414": lambda s: get(s, "/" + "a" * 9000),
    "416 file": lambda s: get(s, "/static/style.css", "Range: bytes=99999-"),
    "417": lambda s: get(s, "/static/style.css", "Expect: miracles"),
    "431": lambda s: get(s, "/", "Cookie: " + "a" * 9000),
    "500 page": lambda s: get(s, "/boom"),
    "501": lambda s: send(
        s, head("POST /take", "text/html", "Transfer-Encoding: gzip, chunked"), chunked(9)
    ),
    "505": lambda s: send(s, b"GET / HTTP/3.0\r\nHost: here\r\nConnection: close\r\n\r\n"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_tells_everything(face: Face, kind: str) -> None:
    answer = KINDS[kind](face.serving)
    assert answer.status == int(kind[:3])
    tells_everything(answer)


def test_the_applications_own_values_win(face: Face) -> None:
    """But for the id, by which the logs know a request."""
    answer = get(face.serving, "/own")
    tells_everything(answer, OWN)
    (request_id,) = answer.headers.get_all("X-Request-ID", [])
    assert request_id != "own"


# --- Cookies


@pytest.mark.parametrize("over", ["http", "https"])
def test_cookies(face: Face, over: str) -> None:
    answer = get(face.serving, "/baker", f"X-Forwarded-Proto: {over}")
    cookies = {
        text.partition("=")[0]: [word.strip().lower() for word in text.split(";")[1:]]
        for text in answer.headers.get_all("Set-Cookie", [])
    }
    session = "hello_flask_session"  # two projects on one host have two cookies
    assert cookies.keys() == {session, "a", "secure"}
    assert {"httponly", "samesite=lax"} <= set(cookies[session])
    assert cookies["a"].count("secure") == 1  # which the application asked for
    assert cookies[session].count("secure") == cookies["secure"].count("secure")
    assert cookies[session].count("secure") == (1 if over == "https" else 0)


# --- A real browser


def test_pages_leave_the_console_empty(face: Face) -> None:
    """A page and an error, with styles and an icon of their own."""
    for path, text in {"/": "I love Flask", "/static/none": "404"}.items():
        shown = browse(face.serving.url + path)
        assert text in shown.page
        assert shown.messages == []


def test_inline_scripts_and_framing_are_refused(face: Face) -> None:
    shown = browse(f"{face.serving.url}/unsafe")
    assert "<title>safe</title>" in shown.page
    refused = " ".join(shown.messages)
    for reason in ("inline script", "inline style", "Framing"):
        assert reason in refused
    # The same page with a policy of its own, to see that it is the policy that refuses.
    own = "Content-Security-Policy=default-src%20'self'%20'unsafe-inline'"
    allowed = browse(f"{face.serving.url}/unsafe?{own}")
    assert "<title>changed</title>" in allowed.page
    assert "inline" not in " ".join(allowed.messages)


# --- Last, because the application does not survive it.


@pytest.mark.daemon_mode
def test_answers_for_an_application_that_does_not_answer(face: Face, changed: Project) -> None:
    stuck = face.stuck.result()
    assert stuck.status == 504
    tells_everything(stuck)

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(get, face.serving, "/dying")
        wait_for(lambda: "under way" in face.serving.log, 4, "the request")
        for pid in pids(face.serving):
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).send_signal(signal.SIGKILL)
        assert slow.result().status == 502
        tells_everything(slow.result())

    for door in (changed.path / "var" / "apache").glob("wsgi.*.sock"):
        door.unlink()
    closed = get(face.serving, "/")
    assert closed.status == 503
    tells_everything(closed)
