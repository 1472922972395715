"""HTTPS by two settings, and renewing its certificate under load, with the real Apache."""

import json
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from load import load
from serving import Project, ask, free_port, running, wait_for, with_views

from flask_modwsgi.config import settings
from flask_modwsgi.config.project import Project as Site
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import renewal
from flask_modwsgi.tls import certificates, https

OPENSSL = shutil.which("openssl")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not OPENSSL, reason="openssl is missing; on Debian: apt-get install openssl"
    ),
]

# --- Certificates


def make(folder: Path, name: str, *more: str) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    names = ("-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    openssl("req", "-x509", *kind, *names, *more, "-keyout", key, "-out", certificate)
    key.chmod(0o600)
    return certificate, key


def make_expired(folder: Path, name: str) -> tuple[Path, Path]:
    """The same, of years ago."""
    certificate, key = make(folder, name)
    authority = folder / "authority"
    authority.write_text(AUTHORITY.format(folder=folder), "utf-8")
    (folder / "index").write_text("")
    dates = ("-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
    own = ("-ss_cert", certificate, "-cert", certificate, "-keyfile", key, "-out", certificate)
    openssl("ca", "-batch", "-notext", "-config", authority, *dates, *own)
    return certificate, key


# Of all versions of openssl, the one way to choose the dates.
AUTHORITY = """
[ca]
default_ca = own
[own]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
copy_extensions = copy
policy = any
[any]
commonName = supplied
"""


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def pair(folder: Path) -> tuple[Path, Path]:
    return make(folder, "first")


def der(certificate: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


def test_a_good_certificate_says_until_when(pair: tuple[Path, Path]) -> None:
    found = certificates.load(*pair)
    assert found.der == der(pair[0])
    assert re.fullmatch(r"the certificate is valid until \d{4}-\d\d-\d\d", str(found))


def test_it_may_be_followed_by_others(pair: tuple[Path, Path], folder: Path) -> None:
    chain = folder / "chain.pem"
    other, _ = make(folder, "other")
    chain.write_text(pair[0].read_text() + other.read_text())
    assert certificates.load(chain, pair[1]).der == der(pair[0])
    chain.write_text(other.read_text() + pair[0].read_text())
    assert refused(chain, pair[1]) == "tls-mismatch"


def refused(certificate: Path, key: Path) -> str:
    with pytest.raises(Problem) as problem:
        certificates.load(certificate, key)
    return problem.value.slug


def test_what_cannot_be_served(pair: tuple[Path, Path], folder: Path) -> None:
    certificate, key = pair
    text = folder / "text"
    text.write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
    text.chmod(0o600)
    rsa = folder / "rsa.key"
    openssl("genrsa", "-out", rsa, "2048")
    locked = folder / "locked.key"
    openssl("pkey", "-in", key, "-aes128", "-passout", "pass:word", "-out", locked)
    open_key = folder / "open.key"
    open_key.write_bytes(key.read_bytes())
    open_key.chmod(0o604)
    assert refused(folder / "absent", key) == "tls-unreadable"
    assert refused(certificate, folder) == "tls-unreadable"
    assert refused(text, key) == "tls-not-pem"
    assert refused(key, key) == "tls-not-pem"
    assert refused(certificate, text) == "tls-not-pem"
    assert refused(certificate, make(folder, "stranger")[1]) == "tls-mismatch"
    assert refused(certificate, rsa) == "tls-mismatch"
    assert refused(certificate, locked) == "tls-key-encrypted"
    assert refused(certificate, open_key) == "tls-key-open"


def test_what_clients_object_to(folder: Path) -> None:
    client_only = make(folder, "client", "-addext", "extendedKeyUsage=clientAuth")
    assert "purpose" in certificates.load(*client_only).objection
    assert "expired" in certificates.load(*make_expired(folder, "expired")).objection


def issued(folder: Path, name: str, authority: tuple[Path, Path]) -> tuple[Path, Path]:
    """A certificate by an authority, and its key."""
    certificate, key = make(folder, name)
    request = folder / f"{name}.csr"
    openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
    by = ("-CA", authority[0], "-CAkey", authority[1], "-CAcreateserial")
    openssl("x509", "-req", "-in", request, *by, "-days", "30", "-out", certificate)
    return certificate, key


def test_a_chain_has_to_fit(pair: tuple[Path, Path], folder: Path) -> None:
    authority = make(folder, "issuer")
    alone, key = issued(folder, "issued", authority)
    whole, wrong = folder / "whole.pem", folder / "wrong.pem"
    whole.write_text(alone.read_text() + authority[0].read_text())
    wrong.write_text(alone.read_text() + pair[0].read_text())
    assert certificates.load(whole, key).warnings == []
    assert certificates.load(*pair).warnings == []
    for file in (alone, wrong):
        (warning,) = certificates.load(file, key).warnings
        assert "chain does not fit" in warning
        assert "issuer" in warning


def test_without_tls_there_is_nothing_to_renew() -> None:
    with pytest.raises(Problem) as problem:
        renewal.check_files({"tls_certificate": ""}, settings.load({}))
    assert problem.value.slug == "tls-off"


def test_both_settings_or_none(tmp_path: Path) -> None:
    for given in ({"TLS_KEY": "/k"}, {"TLS_CERTIFICATE": "/c"}):
        with pytest.raises(Problem, match="is not") as problem:
            https.check(Site(tmp_path), settings.load(given))
        assert problem.value.slug == "tls-incomplete"
    assert https.check(Site(tmp_path), settings.load({})) is None


# --- A server


class Service:
    """A project under `./run start`, with a certificate in a place of its own."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.folder = folder
        self.certificate, self.key = folder / "served.pem", folder / "served.key"
        self.env = {
            "PORT": str(free_port()),
            "HTTPS_PORT": str(free_port()),
            "TLS_CERTIFICATE": str(self.certificate),
            "TLS_KEY": str(self.key),
        }
        self.http = f"http://127.0.0.1:{self.env['PORT']}"
        self.https = f"https://127.0.0.1:{self.env['HTTPS_PORT']}"

    def put(self, certificate: Path, key: Path) -> None:
        """As certbot does, the files are replaced."""
        self.certificate.write_bytes(certificate.read_bytes())
        self.key.write_bytes(key.read_bytes())
        self.key.chmod(0o600)

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.project.call("./run", *words, **{**self.env, **env})

    def served(self) -> bytes:
        return certificates.served("127.0.0.1", int(self.env["HTTPS_PORT"]))

    def modules(self) -> Path:
        """The folder with Apache's modules."""
        code = "from mod_wsgi.express import apxs_config; print(apxs_config.LIBEXECDIR)"
        return Path(self.project.call(".venv/bin/python", "-c", code).stdout.strip())


@pytest.fixture(scope="module")
def service(
    changed: Project,
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    pair: tuple[Path, Path],
) -> Iterator[Service]:
    service = Service(changed, tmp_path_factory.mktemp("served"))
    if not (service.modules() / "mod_ssl.so").exists():
        pytest.skip("this Apache has no mod_ssl; on Debian, before it is built: libssl-dev")
    service.put(*pair)
    with with_views(changed, COUNTS):
        started = service.run("start")
        assert started.returncode == 0, started.stderr
        yield service
        service.run("stop")


COUNTS = """

@bp.post("/count")
def count() -> str:
    sent = request.stream
    if request.mimetype == "multipart/form-data":
        sent = request.files["sent"].stream
    read = 0
    while part := sent.read(65536):
        read += len(part)
    return str(read)
"""


def test_http_leads_to_https(service: Service) -> None:
    there = f"example.org:{service.env['HTTPS_PORT']}"
    for path in ("/", "/a%20b%25%3fc?d=%26&e", "/static/style.css", "/nothing", "/healthy"):
        answer = ask(service.http + path, Host=f"example.org:{service.env['PORT']}")
        assert (answer.status, answer.headers["Location"]) == (308, f"https://{there}{path}")
        assert "Strict-Transport-Security" not in answer.headers
    answer = ask(service.http, Host="[::1]")
    assert answer.headers["Location"] == f"https://[::1]:{service.env['HTTPS_PORT']}/"


def test_health_answers_on_both_ports(service: Service) -> None:
    for path in ("/health/live", "/health/ready"):
        assert ask(service.http + path).status == 200
        assert ask_securely(service, path).status == 200


def ask_securely(service: Service, path: str, **headers: str) -> Any:
    """GET over TLS, from somebody who trusts this certificate and no other."""
    trusting = ssl.create_default_context(cafile=service.certificate)
    return ask(service.https + path, trusting, **headers)


def test_https_serves_with_hsts_and_a_secure_cookie(service: Service) -> None:
    for path, status in (("/", 200), ("/nothing", 404), ("/static/style.css", 200), ("/boom", 500)):
        answer = ask_securely(service, path)
        assert answer.status == status
        assert answer.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    assert "Secure" in ask_securely(service, "/login").headers["Set-Cookie"]
    assert ask_securely(service, "/", Host="any.example").status == 200


def test_status_knows_the_address(service: Service) -> None:
    found = json.loads(service.run("status", "--json").stdout)
    assert (found["state"], found["address"]) == ("running", f"{service.https}/")


def handshake(service: Service, **limits: Any) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=service.certificate)
    for name, value in limits.items():
        setattr(context, name, value)
    context.set_alpn_protocols(["h2", "http/1.1"])
    plain = socket.create_connection(("127.0.0.1", int(service.env["HTTPS_PORT"])), timeout=60)
    return context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_is_spoken(service: Service, version: ssl.TLSVersion) -> None:
    with handshake(service, minimum_version=version, maximum_version=version) as connection:
        has_http2 = (service.modules() / "mod_http2.so").exists()
        assert connection.selected_alpn_protocol() == ("h2" if has_http2 else "http/1.1")
        cipher = connection.cipher()
        assert cipher and re.search("GCM|CHACHA20", cipher[0])
        assert connection.compression() is None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("limit", ["-tls1", "-tls1_1"])
def test_what_is_too_old(service: Service, limit: str) -> None:
    target = service.https.removeprefix("https://")
    words = ["openssl", "s_client", "-connect", target, limit, "-cipher", "ALL:@SECLEVEL=0"]
    done = subprocess.run(words, input="", capture_output=True, text=True)
    assert done.returncode != 0
    assert re.search("protocol version|no protocols available", done.stderr)


def test_http_1_and_2(service: Service) -> None:
    curl = shutil.which("curl")
    if not curl or b"HTTP2" not in subprocess.run([curl, "-V"], capture_output=True).stdout:
        pytest.skip("curl has no HTTP/2; on Debian: apt-get install curl")
    has_http2 = (service.modules() / "mod_http2.so").exists()
    for option, expected in (("--http1.1", "1.1"), ("--http2", "2" if has_http2 else "1.1")):
        trust = ("--cacert", service.certificate, "-s", "-o", os.devnull)
        written = ("-w", "%{http_code} %{http_version}")
        words = (curl, option, *trust, *written, f"{service.https}/")
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.stdout == f"200 {expected}"


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_a_body_arrives(service: Service, folder: Path, version: str) -> None:
    """Over HTTP/2 one without a length is refused, as the application would find nothing in it."""
    curl = shutil.which("curl")
    if not curl or b"HTTP2" not in subprocess.run([curl, "-V"], capture_output=True).stdout:
        pytest.skip("curl has no HTTP/2; on Debian: apt-get install curl")
    if version == "2" and not (service.modules() / "mod_http2.so").exists():
        pytest.skip("this Apache has no mod_http2")
    small, large = folder / "small", folder / "large"
    small.write_bytes(b"a=\n\0b")
    large.write_bytes(bytes(9_000_000))
    words = (curl, f"--http{version}", "--cacert", service.certificate, "-s", "-X", "POST")
    for options, expected in (
        (("--data-binary", f"@{small}"), "5 200"),
        (("--data-binary", f"@{large}"), "9000000 200"),
        (("-F", f"sent=@{small}"), "5 200"),
        (("-F", f"sent=@{large}"), "9000000 200"),
        (("-T", "-"), "411" if version == "2" else "5 200"),
    ):
        with small.open("rb") as typed:
            done = subprocess.run(
                (*words, *options, "-w", " %{http_code}", f"{service.https}/count"),
                stdin=typed,
                capture_output=True,
                text=True,
            )
        assert done.stdout.endswith(expected), (options, done.stdout[-99:])


def test_a_body_without_a_length_is_not_lost(service: Service) -> None:
    """Over HTTP/2 it would come to the application as an empty one, so it is refused."""
    curl = shutil.which("curl")
    if not curl or b"HTTP2" not in subprocess.run([curl, "-V"], capture_output=True).stdout:
        pytest.skip("curl has no HTTP/2; on Debian: apt-get install curl")
    if not (service.modules() / "mod_http2.so").exists():
        pytest.skip("this Apache has no mod_http2")
    words = (curl, "--cacert", service.certificate, "-s", "-o", os.devnull, "-X", "POST")
    for options, expected in (
        (("--http2", "-T", "-"), "411"),
        (("--http1.1", "-T", "-"), "405"),
        (("--http2", "--data-binary", "@-"), "405"),
    ):
        done = subprocess.run(
            (*words, *options, "-w", "%{http_code}", f"{service.https}/"),
            input="hello",
            capture_output=True,
            text=True,
        )
        assert (options, done.stdout) == (options, expected)


def test_the_key_is_nowhere_else(service: Service) -> None:
    secret = "".join(service.key.read_text().splitlines()[1:-1]).encode()
    for file in (service.project.path / "var").rglob("*"):
        if file.is_file():
            assert secret not in file.read_bytes().replace(b"\n", b""), file


# --- Renewing


@contextmanager
def late_clients(service: Service, number: int) -> Iterator[list[str]]:
    """Clients far away: from connection to handshake to request they need a moment each time.

    Yields what they got that is no 200.
    """
    done, wrong = threading.Event(), []
    trusting = ssl.create_default_context(cafile=None)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    address = ("127.0.0.1", int(service.env["HTTPS_PORT"]))

    def client() -> None:
        while not done.is_set():
            try:
                with socket.create_connection(address, timeout=60) as plain:
                    done.wait(random.uniform(0, 0.3))
                    with trusting.wrap_socket(plain) as connection:
                        done.wait(random.uniform(0, 1.5))
                        connection.sendall(
                            b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
                        )
                        answer = connection.recv(100)
                if not answer.startswith(b"HTTP/1.1 200"):
                    wrong.append(answer.decode())
            except OSError as error:
                wrong.append(repr(error))

    clients = [threading.Thread(target=client) for _ in range(number)]
    for one in clients:
        one.start()
    try:
        yield wrong
    finally:
        done.set()
        for one in clients:
            one.join()


@pytest.mark.daemon_mode
def test_renew_under_load(service: Service, folder: Path) -> None:
    """New and kept connections, slow requests, clients that are slow to ask: none fails."""
    new = make(folder, "second")
    before = service.served()
    with (
        load(service.https) as quick,
        load(service.https, "/slow?seconds=4", keep=1, close=1) as slow,
        late_clients(service, 15) as wrong,
    ):
        wait_for(lambda: quick.answered > 50, 20, "the load")
        service.put(*new)
        done = service.run("renew")
        answered = quick.answered
        wait_for(lambda: quick.answered > answered + 50, 20, "more load")
    assert done.returncode == 0, done.stderr
    assert "valid until" in done.stderr
    assert service.served() == der(new[0]) != before
    assert quick.failures + slow.failures + wrong == []
    assert slow.answered >= 4
    assert second_apaches(service) == []


def second_apaches(service: Service) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(service.project.path / "var" / "stand-in" / "httpd.conf") in process.cmdline():
                found.append(process)
    return found


def test_the_second_apache_answers_like_the_first(service: Service) -> None:
    """What an application sees of a request, while a certificate is renewed and before."""
    code = """
import sys
from pathlib import Path
from flask_modwsgi.config.project import Project
from flask_modwsgi.server import launch, renewal
project = Project(Path.cwd())
with renewal.stand_in(launch.collect(project, logs=project.logs)):
    print("serving", flush=True)
    sys.stdin.read()
"""
    views = service.project.package / "views.py"
    text = views.read_text("utf-8")
    views.write_text(text + SEEN, "utf-8")
    assert service.run("reload").returncode == 0
    paths = ["/seen/a%20b%25%3Fc%C3%A9;d?e=%26+f&g", "/seen/x//y", "/nothing", "/static/style.css"]
    spoofed = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"}
    before = [ask_securely(service, path, **spoofed) for path in paths]
    with subprocess.Popen(
        [service.project.path / ".venv/bin/python", "-c", code],
        cwd=service.project.path,
        env=os.environ | service.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as second:
        assert second.stdout and second.stdin
        try:
            assert second.stdout.readline() == b"serving\n"
            after = [ask_securely(service, path, **spoofed) for path in paths]
            health = ask(f"{service.http}/health/live")
            redirect = ask(f"{service.http}/")
            dropped = seen_after_dropping_fields(service)
            direct = asked_past_the_first(service)
        finally:
            second.stdin.close()
    views.write_text(text, "utf-8")
    assert json.loads(before[0].text)["path"] == "/seen/a b%?cé;d"
    for first, then in zip(before, after, strict=True):
        assert then.status == first.status
        assert then.headers["Connection"] == "close"
        single = ("Strict-Transport-Security", "X-Request-ID")
        assert [len(then.headers.get_all(name)) for name in single] == [1, 1]
        assert stable(then.text) == stable(first.text)
    assert health.status == 200
    assert redirect.headers["Location"] == f"{service.https}/"
    assert dropped == json.loads(before[1].text) | {"REMOTE_ADDR": ANOTHER}
    assert direct == [403, 403]


# A client that is not the address of the first Apache; other systems have no other one.
ANOTHER = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"


def seen_after_dropping_fields(service: Service) -> Any:
    """What a client gets that has a proxy remove what is said of it (RFC 9110, 7.6.1)."""
    trusting = ssl.create_default_context(cafile=service.certificate)
    address = ("127.0.0.1", int(service.env["HTTPS_PORT"]))
    names = ("Host", "X-Forwarded-For", "X-Forwarded-Port", "X-Request-ID", "X-Stand-In")
    request = (
        f"GET /seen/x//y HTTP/1.1\r\nHost: {service.https.removeprefix('https://')}\r\n"
        f"Connection: close, {', '.join(names)}\r\n\r\n"
    )
    with (
        socket.create_connection(address, 30, source_address=(ANOTHER, 0)) as plain,
        trusting.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(request.encode())
        with connection.makefile("rb") as answer:
            _, _, body = answer.read().partition(b"\r\n\r\n")
    return json.loads(body)


def asked_past_the_first(service: Service) -> list[int]:
    """The statuses for another user of this machine, who connects to the second Apache itself."""
    written = (service.project.path / "var" / "apache" / "stand-in").read_text()
    ports = dict(line.split() for line in written.splitlines())
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Stand-In": "a guess"}
    trusting = ssl.create_default_context(cafile=service.certificate)
    return [
        ask(f"{scheme}://127.0.0.1:{ports[scheme]}/seen/x", trusting, **forged).status
        for scheme in ("http", "https")
    ]


SEEN = """

@bp.get("/seen/<path:rest>")
def seen(rest: str) -> Any:
    names = ("REMOTE_ADDR", "SERVER_PORT", "HTTP_HOST", "QUERY_STRING", "wsgi.url_scheme")
    return {"path": request.path, "url": request.url} | {n: request.environ[n] for n in names}
"""


def stable(text: str) -> str:
    """Without the id of the request."""
    return re.sub(r"(Request</dt><dd><code>)[\w@-]+", r"\1", text)


def test_a_bad_certificate_is_refused_and_nothing_changes(service: Service, folder: Path) -> None:
    before = service.served()
    good = service.certificate.read_bytes(), service.key.read_bytes()
    family = json.loads(service.run("status", "--json").stdout)["processes"]
    try:
        service.put(*make_expired(folder, "old"))
        expired = service.run("renew")
        service.put(service.certificate, make(folder, "another")[1])
        mismatch = service.run("renew")
    finally:
        service.certificate.write_bytes(good[0])
        service.key.write_bytes(good[1])
    assert (expired.returncode, "tls-objection" in expired.stderr) == (1, True)
    assert (mismatch.returncode, "tls-mismatch" in mismatch.stderr) == (1, True)
    assert service.served() == before
    after = json.loads(service.run("status", "--json").stdout)["processes"]
    assert [row["pid"] for row in after] == [row["pid"] for row in family]


@pytest.mark.daemon_mode
def test_a_reload_takes_replaced_files(service: Service, folder: Path) -> None:
    """Also one that ends soon, with a note."""
    before = service.served()
    new = make(folder, "tomorrow", "-days", "1")
    service.put(*new)
    doctor = service.run("doctor").stdout
    assert service.served() == before
    assert "is not the one that is served; ./run renew serves it" in " ".join(doctor.split())
    with load(service.https) as record:
        reload = service.run("reload")
    assert reload.returncode == 0, reload.stderr
    assert service.served() == der(new[0])
    assert record.failures == []
    for said in (reload.stderr, " ".join(doctor.split())):
        assert said.count("ends soon") == 1
    wrapped = r"^certificate .*(?:\n {25}.*)*"
    (line,) = re.findall(wrapped, service.run("doctor").stdout, re.MULTILINE)
    assert "note" in line
    assert "that is served" not in line
    assert service.run("stop").returncode == 0
    started = service.run("start", HOSTS="example.com")
    assert "ends soon" in started.stderr
    assert "for example.com of HOSTS" in started.stderr
    assert "it names localhost" in started.stderr
    service.put(*make(folder, "later"))
    assert service.run("restart").returncode == 0


@pytest.mark.daemon_mode
def test_another_file_needs_a_restart(service: Service, pair: tuple[Path, Path]) -> None:
    done = service.run("renew", TLS_CERTIFICATE=str(pair[0]), TLS_KEY=str(pair[1]))
    assert (done.returncode, "restart-needed" in done.stderr) == (1, True)


def test_a_mount_point_and_an_expired_certificate(service: Service, folder: Path) -> None:
    """It is served, with a warning: no server would be worse."""
    assert service.run("stop").returncode == 0
    assert "not-running" in service.run("renew").stderr
    service.put(*make_expired(folder, "mounted"))
    with running(service.project, "serve", env={**service.env, "MOUNT_POINT": "/app"}) as serving:
        assert serving.url == f"{service.https}/app"
        assert "certificate has expired" in wait_for(lambda: warning(serving.log), 5, "a warning")
        anybody = ssl.create_default_context()
        anybody.check_hostname = False
        anybody.verify_mode = ssl.CERT_NONE
        assert ask(serving.url + "/", anybody).status == 200
        answer = ask(serving.url, anybody)
        assert (answer.status, answer.headers["Location"]) == (301, "/app/")
        assert ask(f"{service.http}/app/health/live").status == 200
        for path in ("/app/", "/app", "/app?a=b"):
            answer = ask(service.http + path, Host="example.org")
            there = f"https://example.org:{service.env['HTTPS_PORT']}{path}"
            assert (answer.status, answer.headers["Location"]) == (308, there)
        # The access log would have all of it.
        for url in (serving.url, f"{service.http}/app/"):
            assert ask(url, anybody, **{"User-Agent": "a" * 9000}).status == 431


def warning(log: str) -> str:
    return next((line for line in log.splitlines() if "careful" in line), "")


def test_dev_with_a_certificate_of_its_own(service: Service) -> None:
    service.run("stop")
    env = {**service.env, "TLS_CERTIFICATE": "", "TLS_KEY": ""}
    kept = service.project.path / "var" / "tls"
    made = []
    for _ in range(2):
        with running(service.project, "dev", "--tls", env=env) as serving:
            assert serving.url == service.https
            trusting = ssl.create_default_context(cafile=kept / "certificate.pem")
            for url in (service.https, service.https.replace("127.0.0.1", "localhost")):
                answer = ask(f"{url}/", trusting)
                assert answer.status == 200
                assert answer.headers["Strict-Transport-Security"] == "max-age=0"
        made.append((kept / "certificate.pem").read_bytes())
    assert made[0] == made[1]
    assert (kept / "key.pem").stat().st_mode & 0o777 == 0o600


def test_a_port_that_nobody_asked_for_may_be_taken(service: Service) -> None:
    """That for HTTPS, without a certificate."""
    service.run("stop")
    with socket.create_server(("127.0.0.1", int(service.env["HTTPS_PORT"]))):
        refused = service.run("start")
        assert refused.returncode == 1
        assert "HTTPS_PORT" in refused.stderr
        started = service.run("start", TLS_CERTIFICATE="", TLS_KEY="")
        assert started.returncode == 0, started.stderr
        assert ask(f"{service.http}/").status == 200
        assert service.run("stop").returncode == 0
