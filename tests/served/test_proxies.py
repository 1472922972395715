"""Who is believed about where a request comes from, behind real proxies and without one.

Clients and proxies have addresses of their own in the loopback network.
"""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from typing import Any

import fronts
import pytest
from fronts import CLIENT, INNER, Front, fetch
from serving import Answer, Project, Running, ask, free_port, running, wait_for, with_views

from flask_modwsgi.config import proxies, settings
from flask_modwsgi.problems.problem import Problem

pytestmark = pytest.mark.slow

STRANGER = "127.0.0.2"  # asks directly, and is not trusted
PROXY = "127.0.0.1"

VIEWS = """

@bp.get("/seen")
def seen() -> Any:
    return {
        "address": request.remote_addr,
        "url": url_for("pages.index", _external=True),
        "id": request.environ["REQUEST_ID"],
        "https": "HTTPS_OUTSIDE" in request.environ,
        "fields": sorted(name.lower() for name, _ in request.headers),
    }


@bp.get("/cookie")
def cookie() -> Any:
    session["name"] = "somebody"
    return "in", [("Set-Cookie", "a=b; Path=/"), ("Set-Cookie", "c=d; Path=/application")]
"""

# What a client can say of itself that is not true.
LIES = {
    "Connection": "close, X-Forwarded-For, X-Forwarded-Proto, X-Request-ID",
    "CF-Connecting-IP": "6.6.6.6",
    "Client-IP": "6.6.6.6",
    "Fastly-Client-IP": "6.6.6.6",
    "True-Client-IP": "6.6.6.6",
    "CF-Connecting-IPv6": "6.6.6.6",
    "DO-Connecting-IP": "6.6.6.6",
    "Fly-Client-IP": "6.6.6.6",
    "Forwarded-For": "6.6.6.6",
    "Front-End-HTTPS": "on",
    "Proxy-Client-IP": "6.6.6.6",
    "WL-Proxy-Client-IP": "6.6.6.6",
    "X-Azure-ClientIP": "6.6.6.6",
    "X-Envoy-External-Address": "6.6.6.6",
    "X-Forwarded": "6.6.6.6",
    "X-Forwarded-Protocol": "https",
    "X-Originating-IP": "6.6.6.6",
    "X-ProxyUser-Ip": "6.6.6.6",
    "X-Remote-Addr": "6.6.6.6",
    "X-Remote-IP": "6.6.6.6",
    "X-Url-Scheme": "https",
    "X-Cluster-Client-IP": "6.6.6.6",
    "X-Original-Forwarded-For": "6.6.6.6",
    "X-Original-Host": "evil.example",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
    "Forwarded": "for=6.6.6.6;host=evil.example;proto=https",
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-HTTPS": "on",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Scheme": "https",
    "X-Forwarded-Script-Name": "/evil",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-SSL": "on",
    "X-Client-IP": "6.6.6.6",
    "X-Host": "evil.example",
    "X-HTTPS": "on",
    "X-Real-IP": "6.6.6.6",
    "X-Request-ID": "evil-request-id",
    "X-Scheme": "https",
    "X-Script-Name": "/evil",
    "X_Forwarded_Host": "evil.example",
    "X_Forwarded_Proto": "https",
}
# What is left of them after it was checked.
HANDED_ON = {"x-request-id", "x-forwarded-proto", "x-forwarded-prefix", "x-script-name"}


def seen(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.text
    found: dict[str, Any] = json.loads(answer.text)
    assert found["id"] == answer.headers["X-Request-ID"] != LIES["X-Request-ID"]
    lies = {name.lower() for name in LIES} - {"connection"}
    assert lies & set(found["fields"]) <= HANDED_ON
    return found


@pytest.fixture(scope="module")
def viewed(changed: Project) -> Iterator[Project]:
    """With a view that shows what the application sees."""
    with with_views(changed, VIEWS):
        yield changed


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Of the application, and of the inner one of two proxies."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def standing(ports: tuple[int, int], workplace: Any) -> Iterator[dict[str, Front]]:
    """The proxies that are installed here."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(fronts.front(name, *ports, workplace / f"{name}-front"))
            for name in fronts.PACKAGES
            if fronts.program(name)
        }


@pytest.fixture(params=fronts.PACKAGES)
def front(request: pytest.FixtureRequest, standing: dict[str, Front]) -> Front:
    if request.param not in standing:
        pytest.skip(
            f"{request.param} is not installed; on Debian: apt-get install"
            f" --no-install-recommends {fronts.PACKAGES[request.param]}"
        )
    return standing[request.param]


# --- Servers of their own. First, because a project serves once, and `trusting` does to the end.


def test_by_default_nobody_is_believed(
    viewed: Project, ports: tuple[int, int], standing: dict[str, Front]
) -> None:
    with running(viewed, env={"PORT": str(ports[0]), "STOP_LIMIT": "3"}) as serving:
        for source in (PROXY, CLIENT):
            found = seen(fetch(ports[0], "/seen", LIES, "a.example", source))
            assert found["address"] == source
            assert found["url"] == f"http://a.example:{ports[0]}/"
            assert not found["https"]
            assert set(found["fields"]).isdisjoint(HANDED_ON - {"x-request-id"})
        for front in standing.values():
            found = seen(fetch(front.tls, "/seen", LIES, tls=True))
            assert (found["address"], found["https"]) == (PROXY, False)
            assert "http://127.0.0.1" in found["url"] or front.name in ("haproxy", "caddy")
        assert "6.6.6.6" not in serving.log


def test_the_mount_point_behind_a_proxy(
    viewed: Project, ports: tuple[int, int], standing: dict[str, Front]
) -> None:
    env = {
        "PORT": str(ports[0]),
        "TRUSTED_PROXIES": PROXY,
        "MOUNT_POINT": "/app",
        "STOP_LIMIT": "3",
    }
    with running(viewed, env=env):
        assert ask(f"http://127.0.0.1:{ports[0]}/app?a=b").headers["Location"] == "/app/?a=b"
        for front in standing.values():
            answer = fetch(front.tls, "/app", LIES, tls=True)
            assert (answer.status, answer.headers["Location"]) == (301, "/app/")
            assert seen(fetch(front.tls, "/app/seen", tls=True))["url"] == (
                f"https://example.com:{front.tls}/app/"
            )
            answer = fetch(front.prefixed, "/shop/app", tls=True)
            assert (answer.status, answer.headers["Location"]) == (301, "/shop/app/")
            assert seen(fetch(front.prefixed, "/shop/app/seen", tls=True))["url"] == (
                f"https://example.com:{front.prefixed}/shop/app/"
            )
            cookies = fetch(front.prefixed, "/shop/app/cookie", tls=True).headers
            paths = [
                re.findall("Path=([^;]*)", one)[0] for one in cookies.get_all("Set-Cookie", [])
            ]
            assert sorted(paths) == ["/", "/application", "/shop/app"]
            page = fetch(front.prefixed, "/shop/app/static/none", tls=True)
            assert (page.status, 'href="/shop/app/static/' in page.text) == (404, True)


# --- One server that trusts its proxies and has names


@pytest.fixture(scope="module")
def trusting(
    viewed: Project, ports: tuple[int, int], standing: dict[str, Front]
) -> Iterator[Running]:
    env = {
        "PORT": str(ports[0]),
        "TRUSTED_PROXIES": f"{PROXY}, {INNER}/32 2001:db8::/32",
        "HOSTS": "example.com, *.Example.org",
        "STOP_LIMIT": "3",
    }
    with running(viewed, env=env) as serving:
        yield serving


@pytest.mark.parametrize("fields", [{}, LIES], ids=["honest", "spoofed"])
def test_a_proxy_with_tls(trusting: Running, front: Front, fields: dict[str, str]) -> None:
    path = f"/seen?{front.name}-{len(fields)}"
    answer = fetch(front.tls, path, fields, tls=True)
    found = seen(answer)
    assert found["address"] == CLIENT
    assert found["url"] == f"https://example.com:{front.tls}/"
    assert found["https"]
    wait_for(lambda: path in trusting.log, 5, "the access log")
    (line,) = (line for line in trusting.log.splitlines() if path in line)
    assert line.startswith(f"{CLIENT} ")


@pytest.mark.parametrize("fields", [{}, LIES], ids=["honest", "spoofed"])
def test_a_proxy_without_tls(trusting: Running, front: Front, fields: dict[str, str]) -> None:
    found = seen(fetch(front.plain, "/seen", fields))
    assert found["address"] == CLIENT
    assert found["url"] == f"http://example.com:{front.plain}/"
    assert not found["https"]


@pytest.mark.parametrize("fields", [{}, LIES], ids=["honest", "spoofed"])
def test_two_proxies(
    trusting: Running, front: Front, standing: dict[str, Front], fields: dict[str, str]
) -> None:
    if "nginx" not in standing:
        pytest.skip("nginx, the inner proxy, is not installed")
    found = seen(fetch(front.double, "/seen", fields, tls=True))
    assert found["address"] == CLIENT
    assert found["url"] == f"https://example.com:{front.double}/"
    assert found["https"]


@pytest.mark.parametrize("fields", [{}, LIES], ids=["honest", "spoofed"])
def test_a_prefix_that_the_proxy_takes_off(
    trusting: Running, front: Front, fields: dict[str, str]
) -> None:
    def get(path: str) -> Answer:
        return fetch(front.prefixed, f"/shop{path}", fields, tls=True)

    address = f"https://example.com:{front.prefixed}/shop"
    assert seen(get("/seen"))["url"] == f"{address}/"
    assert get("/go").headers["Location"] == "/shop/"
    assert get("/static/style.css").status == 200
    for page in (get("/none"), get("/static/none")):
        assert page.status == 404
        assert 'href="/shop/static/style.css?v=' in page.text
        assert f"<dt>Request</dt><dd><code>{page.headers['X-Request-ID']}</code></dd>" in page.text


def test_a_stranger_is_not_believed(trusting: Running, ports: tuple[int, int]) -> None:
    found = seen(fetch(ports[0], "/seen", LIES, source=STRANGER))
    assert found["address"] == STRANGER
    assert found["url"] == f"http://example.com:{ports[0]}/"
    assert not found["https"]
    page = fetch(ports[0], "/static/none", LIES, source=STRANGER)
    assert (page.status, 'href="/static/style.css?v=' in page.text) == (404, True)
    assert "evil" not in page.text


@pytest.mark.parametrize(
    ("field", "value", "name", "result"),
    [
        ("X-Forwarded-For", "6.6.6.6, 203.0.113.9", "address", "203.0.113.9"),
        ("X-Forwarded-For", "203.0.113.9, 127.0.0.3, 127.0.0.1", "address", "203.0.113.9"),
        ("X-Forwarded-For", "2001:0DB9::7", "address", "2001:db9::7"),
        ("X-Forwarded-For", "2001:db9::7, 2001:db8::1", "address", "2001:db9::7"),
        ("X-Forwarded-For", "10.0.0.7", "address", "10.0.0.7"),
        ("X-Forwarded-For", "<script>", "address", PROXY),
        ("X-Forwarded-For", "203.0.113.9, ", "address", PROXY),
        ("X-Forwarded-Proto", "HTTPS", "url", "https://example.com:{port}/"),
        ("X-Forwarded-Proto", "https, http", "url", "http://example.com:{port}/"),
        ("X-Forwarded-Proto", "ftp", "url", "http://example.com:{port}/"),
        ("X-Forwarded-Host", "evil.example, a.example.org", "url", "http://a.example.org/"),
        ("X-Forwarded-Host", "a.example.org:81", "url", "http://a.example.org:81/"),
        ("X-Forwarded-Host", "a b<", "url", "http://example.com:{port}/"),
        ("X-Forwarded-Port", "81", "url", "http://example.com:{port}/"),
        *(
            ("X-Forwarded-Prefix", prefix, "url", "http://example.com:{port}/")
            for prefix in ("/..", "/a/../b", "/.", "/a/.")
        ),
        ("X-Forwarded-Prefix", "/a/b-c/", "url", "http://example.com:{port}/a/b-c/"),
        ("X-Forwarded-Prefix", "//evil.example", "url", "http://example.com:{port}/"),
        ("X-Forwarded-Prefix", "/<script>", "url", "http://example.com:{port}/"),
        ("X-Forwarded-Prefix", "/a" * 3000, "url", "http://example.com:{port}/"),
        ("X-Request-ID", "a.B_c-12", "id", "a.B_c-12"),
        ("X-Request-ID", "x" * 128, "id", "x" * 128),
    ],
)
def test_what_a_proxy_may_say(
    trusting: Running, ports: tuple[int, int], field: str, value: str, name: str, result: str
) -> None:
    found = seen(fetch(ports[0], "/seen", {field: value}, source=PROXY))
    assert found[name] == result.format(port=ports[0])


def test_the_port_completes_the_host(trusting: Running, ports: tuple[int, int]) -> None:
    fields = {"X-Forwarded-Host": "example.com", "X-Forwarded-Proto": "https"}
    without = "https://example.com/"
    given = {port: f"https://example.com:{port}/" for port in ("1", "8443", "59999", "65535")}
    for port, url in (given | dict.fromkeys(("443", "0", "65536", "99999"), without)).items():
        said = fields | {"X-Forwarded-Port": port}
        assert seen(fetch(ports[0], "/seen", said, source=PROXY))["url"] == url


@pytest.mark.parametrize("path", ["/none", "/static/none"])
def test_the_id_of_a_proxy_is_on_the_error_page(
    trusting: Running, ports: tuple[int, int], path: str
) -> None:
    page = fetch(ports[0], path, {"X-Request-ID": "from-the-proxy"}, source=PROXY)
    assert page.headers.get_all("X-Request-ID") == ["from-the-proxy"]
    assert "<dt>Request</dt><dd><code>from-the-proxy</code></dd>" in page.text


@pytest.mark.parametrize("value", ["short", "x" * 129, "a b c d e f", "<script>", "evil\u00e9evil"])
def test_an_id_that_is_none_is_replaced(
    trusting: Running, ports: tuple[int, int], value: str
) -> None:
    found = seen(fetch(ports[0], "/seen", {"X-Request-ID": value}, source=PROXY))
    assert re.fullmatch(r"[\w@-]{27}", found["id"])


# --- Host names

PATHS = ["/", "/none", "/static/style.css", "/static/none", "/health/../", "/healthy"]


@pytest.mark.parametrize(
    "host", ["example.com", "EXAMPLE.com.", "a.example.org", "b.a.example.org"]
)
def test_hosts_of_ours(trusting: Running, ports: tuple[int, int], host: str) -> None:
    statuses = [fetch(ports[0], path, host=host, source=STRANGER).status for path in PATHS]
    assert statuses == [200, 404, 200, 404, 200, 404]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "example.org", "xexample.org", "example.com.evil.example"]
)
def test_other_hosts(trusting: Running, ports: tuple[int, int], host: str) -> None:
    for path in PATHS:
        page = fetch(ports[0], path, {"Accept": "text/html"}, host, STRANGER)
        assert (page.status, "<h1>421 " in page.text) == (421, True)
        assert f"<dt>Request</dt><dd><code>{page.headers['X-Request-ID']}</code></dd>" in page.text
    said = {"Accept": "application/json", "X-Forwarded-Host": "example.com"}
    answer = fetch(ports[0], "/", said, host, STRANGER)
    assert (answer.status, json.loads(answer.text)["code"]) == (421, 421)
    assert fetch(ports[0], "/", {"X-Forwarded-Host": host}, source=PROXY).status == 421
    for name in ("live", "ready"):
        assert fetch(ports[0], f"/health/{name}", host=host, source=STRANGER).status == 200
    # Flask leads to the same path without these, on whichever host was named.
    for path in ("/health//live", "//health/live", "/health%2flive", "/x//../health/live"):
        assert fetch(ports[0], path, host=host, source=STRANGER).status == 421


@pytest.mark.parametrize(
    ("request_line", "fields", "status"),
    [
        ("GET / HTTP/1.0", "", 421),
        ("GET /static/style.css HTTP/1.0", "", 421),
        ("GET /health/live HTTP/1.0", "", 200),
        ("GET http://evil.example/ HTTP/1.1", "Host: example.com\r\n", 421),
        ("GET http://example.com/ HTTP/1.1", "Host: evil.example\r\n", 200),
        ("GET / HTTP/1.1", "Host: " + "a" * 9000 + "\r\n", 400),
        ("GET / HTTP/1.1", "Host: example.com\r\nHost: evil.example\r\n", 400),
    ],
)
def test_odd_ways_to_name_a_host(
    trusting: Running, ports: tuple[int, int], request_line: str, fields: str, status: int
) -> None:
    with socket.create_connection((PROXY, ports[0]), timeout=60) as connection:
        connection.sendall(f"{request_line}\r\n{fields}Connection: close\r\n\r\n".encode())
        response = HTTPResponse(connection)
        response.begin()
        assert response.status == status


# --- The settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "10.0.0.1'"),
        ("TRUSTED_PROXIES", "fe80::1%eth0"),
        ("TRUSTED_PROXIES", "::ffff:10.0.0.1"),
        ("HOSTS", "https://example.com"),
        ("HOSTS", "example.com:443"),
        ("HOSTS", "*"),
        ("HOSTS", "a|b"),
    ],
)
def test_settings_that_are_refused(name: str, value: str) -> None:
    with pytest.raises(Problem) as refused:
        settings.load({name: value})
    assert value in str(refused.value)


def test_the_settings_are_separated_by_commas_or_spaces() -> None:
    chosen = settings.load({"TRUSTED_PROXIES": " 10.0.0.0/8,::1  1.2.3.4,", "HOSTS": "A.b, *.c.d"})
    assert chosen.trusted_proxies == "10.0.0.0/8 ::1/128 1.2.3.4/32"
    assert chosen.hosts == "a.b *.c.d"
    assert proxies.consequences("", "") == []


def test_config_says_what_follows(viewed: Project) -> None:
    shown = viewed.call("./run", "config", TRUSTED_PROXIES="10.0.0.0/8", HOSTS="a.b *.c.d").stdout
    assert "X-Forwarded fields are used from 10.0.0.0/8 only." in shown
    assert "Requests for other hosts than a.b, *.c.d get a 421, except for health." in shown


@pytest.mark.parametrize("name", fronts.PACKAGES)
def test_the_guide_has_what_is_tested(name: str) -> None:
    for new in fronts.PREFIXED[name].values():
        for line in new.splitlines():
            assert f"`{line.strip()}`" in fronts.GUIDE or line in fronts.snippet(name)
