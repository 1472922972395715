"""A thousand hostile requests: each is answered as it deserves, and the server serves on."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import hostile
import pytest
from hostile import Row
from serving import Project, Running, ask, patience, running, wait_for
from test_limits import connect, pids

pytestmark = pytest.mark.slow

# Reads all of a request that Werkzeug takes apart.
VIEWS = """

@bp.route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
@bp.route("/echo/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def echo(rest: str = "") -> Any:
    return {
        "path": request.path,
        "url": request.url,
        "external": url_for("pages.index", _external=True),
        "args": request.args.to_dict(),
        "form": request.form.to_dict(),
        "files": list(request.files),
        "json": request.get_json(silent=True),
        "cookies": request.cookies,
        "fields": [
            str(getattr(request, name))
            for name in (
                "host authorization user_agent range if_range if_modified_since if_none_match "
                "if_match accept_mimetypes accept_languages accept_encodings cache_control "
                "mimetype mimetype_params content_length date referrer pragma access_route"
            ).split()
        ],
    }
"""
SECRETS = re.compile(rb"root:x:0|FLASK_SECRET_KEY=|tool\.flask-modwsgi|bp = Blueprint")
HANGS = 12  # seconds, less than RequestReadTimeout
FAMILIES = {row.name.split()[0] for row in hostile.rows()}


@pytest.fixture(scope="module")
def target(changed: Project) -> Iterator[Running]:
    views = changed.package / "views.py"
    before = views.read_text("utf-8")
    views.write_text(before + VIEWS, "utf-8")
    static = changed.package / "static"
    names = ["link", "style.css~", "style.css.bak", "#style.css#", ".env", ".hidden/file"]
    names += ["style.css.save.1", "style.css.dpkg-old", "style.css___jb_tmp___"]
    traps = [static / name for name in names]
    traps[0].symlink_to("/etc")
    (static / ".hidden").mkdir()
    for trap in traps[1:]:
        trap.write_text("FLASK_SECRET_KEY=secret", "utf-8")
    try:
        with running(changed) as serving:
            yield serving
    finally:
        views.write_text(before, "utf-8")
        for trap in traps:
            trap.unlink()
        (static / ".hidden").rmdir()


def answers(serving: Running, data: bytes) -> bytes:
    """All that comes back until the connection ends, which these bytes need not wait for."""
    with connect(serving) as connection:
        connection.settimeout(max(HANGS, 3 * patience()))
        received = []
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except ConnectionError:  # it was refused before all was read
            pass
        try:
            while part := connection.recv(65536):
                received.append(part)
        except ConnectionResetError:  # what had been sent to it was not read to its end
            pass
        return b"".join(received)


def complaint(serving: Running, row: Row) -> str:
    """What is wrong with the answer; nothing if it is right."""
    started = time.monotonic()
    try:
        text = answers(serving, row.data)
    except TimeoutError:
        return f"{row.name}: no end"
    statuses = [int(status) for status in re.findall(rb"^HTTP/1\.1 (\d{3}) ", text, re.MULTILINE)]
    first = statuses[0] if statuses else 0
    if first not in row.allowed:
        return f"{row.name}: {first}, not {sorted(row.allowed)}"
    if time.monotonic() - started > max(HANGS, 3 * patience()):
        return f"{row.name}: late"
    if secret := SECRETS.search(text):
        return f"{row.name}: {secret[0]!r}"
    # What comes after a body that is not in doubt may be a second request.
    if len(statuses) > (2 if row.allowed == hostile.OK else 1):
        return f"{row.name}: {len(statuses)} answers"
    return ""


def test_there_are_hundreds() -> None:
    assert sum(1 for _ in hostile.rows()) > 900


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_hostile_requests_are_answered_as_they_deserve(target: Running, family: str) -> None:
    before = pids(target)
    length = len(target.log)
    rows = [row for row in hostile.rows() if row.name.split()[0] == family]
    assert [wrong for row in rows if (wrong := complaint(target, row))] == []
    assert "Traceback" not in target.log[length:]
    assert ask(f"{target.url}/").status == 200
    assert pids(target) == before


def test_no_field_that_is_refused_fills_the_log(target: Running) -> None:
    """In the access log, a byte like these is four characters."""
    length = len(target.log)
    for field in (b"User-Agent", b"Referer"):
        for path in (b"/echo", b"/static/style.css"):
            text = answers(target, hostile.get(path, field + b": much" + b"\xff" * 32_000))
            assert text.startswith(b"HTTP/1.1 431 ")
    wait_for(lambda: target.log[length:].count(" 431 ") >= 4, 10, "the log")
    lines = target.log[length:].splitlines()
    assert sum("much" in line for line in lines) >= 4
    assert max(map(len, lines)) < 8_000


def test_what_the_server_can_do_is_no_page(target: Running) -> None:
    """Apache answers it, as docs/guide/headers.md says: no body, and no more headers than it needs."""
    head, _, body = answers(target, hostile.request(b"OPTIONS * HTTP/1.1")).partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    assert (status, body) == ("HTTP/1.1 200 OK", b"")
    names = {field.partition(":")[0] for field in fields}
    assert names <= {"Date", "Server", "Allow", "Content-Length", "Connection", "Upgrade"}
    assert "Server: Apache" in fields


def test_only_the_static_folder_is_reachable(target: Running, changed: Project) -> None:
    """Every file of the project, asked for by its path from many places."""
    files = [
        path.relative_to(changed.path)
        for folder in (changed.path, changed.package, changed.path / "wheels", changed.path / "var")
        for path in folder.iterdir()
        if path.is_file()
    ]
    files += [path.relative_to(changed.path) for path in changed.server.rglob("*.conf")]
    assert {Path("hello_flask/views.py"), Path("run")} < set(files)
    for file in files:
        for start in ("/", "/static/", "/.errors/", "/static/../", "/%2e%2e/"):
            text = answers(target, hostile.get(f"{start}{file}".encode()))
            assert re.match(rb"HTTP/1\.1 40[034] ", text), file


def test_the_traps_would_have_been_found(changed: Project, target: Running) -> None:
    """The links and hidden files are there; it is Apache that does not give them."""
    static = changed.package / "static"
    assert (static / "link" / "passwd").read_text().startswith("root:x:0")
    assert SECRETS.search((static / ".env").read_bytes())
    assert SECRETS.search((changed.package / "views.py").read_bytes())
