"""Real proxies, configured by what docs/guide/proxies.md says, as child processes on free ports."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving import ROOT, Answer, free_port, patience, wait_for

from flask_modwsgi.machine import accounts

GUIDE = (ROOT / "docs" / "guide" / "proxies.md").read_text("utf-8")
CLIENT = "127.0.0.9"  # an address of the loopback network that is no proxy's
INNER = "127.0.0.3"  # the second of two proxies

PAGE = "<title>Back soon</title>"  # what people get while the application is stopped

# What the guide says to write where the proxy takes /shop off, and what that replaces.
PREFIXED = {
    "nginx": {
        "location / {": "location /shop/ {",
        "proxy_pass http://127.0.0.1:8000;": "proxy_pass http://127.0.0.1:8000/;",
        'proxy_set_header X-Forwarded-Prefix "";': "proxy_set_header X-Forwarded-Prefix /shop;",
    },
    "haproxy": {
        "http-request del-header X-Forwarded-Prefix": "http-request set-header"
        " X-Forwarded-Prefix /shop\n    http-request replace-path /shop(/.*) \\1",
    },
    "apache": {
        "ProxyPass / http://127.0.0.1:8000/": "ProxyPass /shop/ http://127.0.0.1:8000/",
        "RequestHeader unset X-Forwarded-Prefix": "RequestHeader set X-Forwarded-Prefix /shop",
    },
    "caddy": {
        "reverse_proxy 127.0.0.1:8000 {": "uri strip_prefix /shop\n    reverse_proxy 127.0.0.1:8000 {",
        "header_up -X-Forwarded-Prefix": "header_up X-Forwarded-Prefix /shop",
    },
}
PACKAGES = {
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "apache": "apache2-bin",
    "caddy": "caddy",
}

NGINX = """\
daemon off;
pid {folder}/pid;
error_log {folder}/log;
events {{}}
http {{
types {{ text/html html; }}
access_log off;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;
{blocks}
server {{
    listen 127.0.0.1:{inner};
    location / {{
        proxy_pass http://127.0.0.1:{application};
        proxy_bind {INNER};
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
}}
}}
"""
APACHE = """\
ServerName example.com
ServerRoot {folder}
DefaultRuntimeDir {folder}
Mutex file:{folder}
TypesConfig /dev/null
AddType text/html .html
PidFile {folder}/pid
ErrorLog {folder}/log
{modules}
{user}
{blocks}
"""
CADDY = """\
{{
    admin off
    auto_https disable_redirects
    default_sni example.com
    storage file_system {folder}/storage
}}
{blocks}
"""
MODULES = (
    *("mpm_event", "alias", "authz_core", "headers", "mime", "proxy", "proxy_http"),
    *("socache_shmcb", "ssl", "unique_id"),
)


@dataclass(frozen=True)
class Front:
    """A proxy at work, and its ports: by TLS, plain, with a prefix, and through a second proxy."""

    name: str
    tls: int
    plain: int
    prefixed: int
    double: int


def snippet(name: str) -> str:
    """The configuration of that proxy in the guide."""
    (block,) = re.findall(rf"```{name}\n(.*?)```", GUIDE, re.DOTALL)
    return str(block)


def changed(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def at(text: str, port: int, application: int, folder: Path, tls: bool = True) -> str:
    """The configuration for these ports, with or without TLS."""
    if not tls:
        text = re.sub(
            r"^ *ssl_cert.*\n|^ *tls .*\n|^ *SSL.*\n| ssl crt .*| ssl(?=;)", "", text, flags=re.M
        )
    text = re.sub(r"\*?:443\b|\b443\b", f"127.0.0.1:{port}", text)
    text = text.replace("/etc/ssl/example.com", str(folder / "example"))
    text = text.replace("/var/www/proxy", str(folder / "page"))
    text = text.replace("example.com {\n", f"http{'s' * tls}://example.com:{port} {{\n")  # Caddy's
    return text.replace("127.0.0.1:8000", f"127.0.0.1:{application}")


def certificate(folder: Path) -> None:
    """example.pem, with its key inside, and example.key, as they want them."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        " -subj /CN=example.com -keyout example.key -out example.pem"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    with (folder / "example.pem").open("a") as file:
        file.write((folder / "example.key").read_text())


def program(name: str) -> str | None:
    found = ("apache2", "httpd") if name == "apache" else (name,)
    places = os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"))
    return next((path for one in found if (path := shutil.which(one, path=places))), None)


def configuration(
    front: Front, application: int, inner: int, folder: Path, changes: dict[str, str]
) -> str:
    """Everything that proxy reads."""
    text = changed(snippet(front.name), changes)
    prefixed = changed(text, PREFIXED[front.name])
    blocks = [
        at(text, front.tls, application, folder),
        at(text, front.plain, application, folder, tls=False),
        at(prefixed, front.prefixed, application, folder),
        at(text, front.double, inner, folder),
    ]
    if front.name == "haproxy":  # names have to be unique
        blocks = [
            re.sub(r"\b(web|application)$", rf"\g<1>{number}", block, flags=re.MULTILINE)
            for number, block in enumerate(blocks)
        ]
    joined = "\n".join(blocks)
    if front.name == "nginx":
        return NGINX.format(
            folder=folder, blocks=joined, inner=inner, application=application, INNER=INNER
        )
    if front.name == "haproxy":
        return joined
    if front.name == "caddy":
        return CADDY.format(folder=folder, blocks=joined)
    ports = "".join(f"Listen {address}\n" for address in re.findall(r"Host (\S+)>", joined))
    places = subprocess.run(["apxs", "-q", "LIBEXECDIR"], capture_output=True, text=True).stdout
    modules = "".join(
        f"LoadModule {name}_module {places.strip()}/mod_{name}.so\n" for name in MODULES
    )
    account = accounts.choose("")
    user = f"User {account.user}\nGroup {account.group}" if os.geteuid() == 0 else ""
    return APACHE.format(folder=folder, modules=modules, user=user, blocks=ports + joined)


@contextmanager
def front(
    name: str, application: int, inner: int, folder: Path, changes: dict[str, str] | None = None
) -> Iterator[Front]:
    """That proxy in front of the application's port; nginx is also the inner one of two.

    :param changes: What to write instead of what in the guide's configuration.
    """
    found = program(name)
    assert found
    (folder / "page").mkdir(parents=True)
    (folder / "page" / "unavailable.html").write_text(PAGE, "utf-8")
    for place in (folder, folder / "page"):
        place.chmod(0o755)  # for the accounts of proxies
    certificate(folder)
    here = Front(name, *(free_port() for _ in range(4)))
    file = folder / "conf"
    file.write_text(configuration(here, application, inner, folder, changes or {}))
    words = {
        "nginx": [found, "-p", folder, "-c", file],
        "haproxy": [found, "-db", "-f", file],
        "apache": [found, "-DFOREGROUND", "-f", file],
        "caddy": [found, "run", "--adapter", "caddyfile", "--config", file],
    }[name]
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in words],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"HOME": str(folder)},  # Caddy writes there
            start_new_session=True,  # Apache signals its whole process group
        )

    def accepts() -> bool:
        assert process.poll() is None, log.read_text() + file.read_text()
        try:
            for port in (here.tls, here.prefixed, here.double):  # Caddy starts one after the other
                socket.create_connection(("127.0.0.1", port), 20).close()
            return fetch(here.plain, "/").status > 0
        except OSError:
            return False

    try:
        wait_for(accepts, 10, f"{name} to answer")
        yield here
    finally:
        process.terminate()
        process.wait(timeout=20 * patience())


def fetch(
    port: int,
    path: str,
    fields: dict[str, str] | None = None,
    host: str = "example.com",
    source: str = CLIENT,
    tls: bool = False,
) -> Answer:
    """GET, from that address of the loopback network; no certificate is checked."""
    where: dict[str, Any] = {"timeout": 20 * patience(), "source_address": (source, 0)}
    connection = (
        http.client.HTTPSConnection(
            "127.0.0.1", port, context=ssl._create_unverified_context(), **where
        )
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, **where)
    )
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{port}", **(fields or {})})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    finally:
        connection.close()
