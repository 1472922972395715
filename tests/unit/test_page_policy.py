"""What a page has that browsers refuse, under many policies."""

import base64
import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flask_modwsgi.doctor import check_page
from flask_modwsgi.doctor.page_policy import refused

STRICT = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " object-src 'none'"
)
SCRIPT = "alert(1)"
HASH = "'sha256-" + base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode() + "'"
CDN = '<script src="https://cdn.example/x.js"></script>'
PIXEL = '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'


@pytest.mark.parametrize(
    ("html", "policy", "found"),
    [
        ('<script src="/static/x.js"></script><link rel=stylesheet href="x.css">', STRICT, []),
        ('<script src="http://blog.example:8000/x.js"></script>', STRICT, []),
        (
            '<script src="http://blog.example:9000/x.js"></script>',
            STRICT,
            ["a script from blog.example"],
        ),
        (f"<script>{SCRIPT}</script>", STRICT, ["an inline script"]),
        (f"<script>{SCRIPT}</script>", "script-src 'unsafe-inline'", []),
        (f"<script>{SCRIPT}</script>", f"script-src 'self' {HASH}", []),
        (f"<script>{SCRIPT};</script>", f"script-src 'self' {HASH}", ["an inline script"]),
        (f"<script nonce=abc>{SCRIPT}</script>", "script-src 'nonce-abc'", []),
        (f"<script nonce=abd>{SCRIPT}</script>", "script-src 'nonce-abc'", ["an inline script"]),
        (
            f"<script>{SCRIPT}</script>",
            "script-src 'unsafe-inline' 'nonce-abc'",
            ["an inline script"],
        ),
        (f"<script>{SCRIPT}</script>", "img-src 'none'", []),
        (f"<script>{SCRIPT}</script>", "default-src *", ["an inline script"]),
        ('<script type="application/json">{"a": 1}</script>', STRICT, []),
        ('<script type="module">import "x"</script>', STRICT, ["an inline script"]),
        (CDN, STRICT, ["a script from cdn.example"]),
        (CDN, "script-src 'self' https://cdn.example", []),
        (CDN, "script-src *.example", []),
        (CDN, "script-src https:", []),
        (CDN, "script-src https://cdn.example/other/", ["a script from cdn.example"]),
        (CDN, "script-src cdn.example:444", ["a script from cdn.example"]),
        (CDN, "default-src 'none'; script-src-elem cdn.example", []),
        (CDN, "script-src 'strict-dynamic' cdn.example", ["a script from cdn.example"]),
        (CDN.replace("src", "nonce=n src"), "script-src 'strict-dynamic' 'nonce-n'", []),
        ("<style>p { color: red }</style>", STRICT, ["an inline style"]),
        ('<p style="color: red">', STRICT, ["a style attribute"]),
        ('<p style="color: red">', "style-src 'unsafe-inline'", []),
        ('<a onclick="alert(1)">', STRICT, ["an event handler (onclick)"]),
        ('<a onclick="alert(1)">', f"script-src {HASH}", ["an event handler (onclick)"]),
        ('<a onclick="alert(1)">', f"script-src 'unsafe-hashes' {HASH}", []),
        ('<a onclick="alert(1)">', "script-src 'self'; script-src-attr 'unsafe-inline'", []),
        ('<a href="javascript:alert(1)">', STRICT, ["a link to javascript:"]),
        (PIXEL, STRICT, ["an image from data:"]),
        (PIXEL, "img-src * data:", []),
        (PIXEL, "img-src *", ["an image from data:"]),
        (
            '<link rel="stylesheet" href="//fonts.example/css">',
            STRICT,
            ["a style sheet from fonts.example"],
        ),
        (
            '<link rel="preload" as="font" href="https://f.example/a">',
            STRICT,
            ["a font from f.example"],
        ),
        ('<link rel="canonical" href="https://f.example/a">', STRICT, []),
        ('<iframe src="https://video.example/">', STRICT, ["a frame from video.example"]),
        ('<iframe src="https://video.example/">', "child-src video.example", []),
        ('<form action="https://pay.example/">', STRICT, ["a form to pay.example"]),
        ('<form action="https://pay.example/">', "default-src 'self'", []),
        (CDN + CDN, STRICT, ["a script from cdn.example"]),
        (CDN, "script-src cdn.example, script-src 'self'", ["a script from cdn.example"]),
        (CDN, "", []),
        ("<p>An unfinished page <script>", STRICT, []),
        ('<script src="http://[broken/x.js"></script>', STRICT, []),
        (
            '<script src="http://x:99999/x.js"></script>' + CDN,
            STRICT,
            ["a script from cdn.example"],
        ),
    ],
)
def test_what_is_refused(html: str, policy: str, found: list[str]) -> None:
    assert refused(html, [policy], "http://blog.example:8000/") == found


def test_https_counts_as_its_own_page_over_http_and_not_the_other_way() -> None:
    page = '<img src="{}://blog.example/x.png">'
    assert refused(page.format("https"), [STRICT], "http://blog.example/") == []
    assert refused(page.format("http"), [STRICT], "https://blog.example/") != []


@contextmanager
def serving(policy: str, body: str, kind: str = "text/html", status: int = 200) -> Iterator[str]:
    """One page, which ``/`` leads to."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/" else status)
            self.send_header("Location", "/page" if status < 300 else "http://127.0.0.2:1/")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_it_is_told_in_one_note() -> None:
    body = f'<script>{SCRIPT}</script><style>p</style><p style="a" onclick="b">{PIXEL}'
    with serving(STRICT, body) as address:
        note = check_page.refused(address)
    assert note
    assert note.startswith("browsers refuse an inline script, an inline style, a style attribute,")
    assert "and 1 more on /page" in note
    assert "CONTENT_SECURITY_POLICY in .env" in note


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (CDN, "application/json", 200),
        ("<![foo[bar]]>", "text/html", 200),  # html.parser of Python 3.11 has an assertion
        (CDN, "text/html", 404),
        (CDN, "text/html", 301),  # it leads elsewhere
    ],
)
def test_nothing_is_told_of_what_is_no_page_of_the_application(
    body: str, kind: str, status: int
) -> None:
    with serving(STRICT, body, kind, status) as address:
        assert not check_page.refused(address)


def test_a_page_without_anything_that_is_refused() -> None:
    with serving(STRICT, "<p>") as address:
        assert check_page.refused(address) == ""


def test_nothing_is_told_where_nothing_answers() -> None:
    assert check_page.refused("http://127.0.0.1:1") is None
    assert check_page.refused("file:///etc") is None


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<iframe src="about:blank"></iframe>', []),
        ('<script src="/a.js"></script>', []),
        (
            '<base href="https://cdn.example/"><script src="a.js"></script>',
            ["a base address of cdn.example", "a script from cdn.example"],
        ),
    ],
)
def test_addresses_as_a_browser_reads_them(html: str, found: list[str]) -> None:
    policy = "default-src 'SELF'; base-uri 'none'"
    assert refused(html, [policy], "https://blog.example/") == found
