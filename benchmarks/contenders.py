"""Ways to serve the application, each started and stopped by itself."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

MODULES = Path("/usr/lib/apache2/modules")  # of Debian's Apache


@dataclass(frozen=True)
class Place:
    """Where a contender runs: the project, gunicorn and granian, a folder of its own, a port."""

    project: Path
    tools: Path
    folder: Path
    port: int
    processes: int = 2
    threads: int = 5
    certificate: Path | None = None

    @property
    def python(self) -> Path:
        return self.project / ".venv" / "bin" / "python"

    @property
    def address(self) -> str:
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Contender:
    """`commands` start it in the foreground, `before` and `after` are run to their end.

    :param varies: Whether it is also measured with TLS, and with other numbers of processes and threads.
    :param is_static: It has no application, only the static files.
    """

    name: str
    commands: Callable[[Place], list[list[str]]]
    needs: tuple[str, ...] = ()
    before: Callable[[Place], list[list[str]]] = lambda place: []
    after: Callable[[Place], list[list[str]]] = lambda place: []
    varies: bool = False
    is_static: bool = False

    def missing(self) -> list[str]:
        """The programs it needs that are not installed."""
        return [name for name in self.needs if not shutil.which(name)]


def _run(place: Place, *words: str) -> list[str]:
    return [str(place.project / "run"), *words]


def _express(place: Place, *options: str) -> list[list[str]]:
    words = [str(place.project / ".venv/bin/mod_wsgi-express"), "start-server"]
    user = ["--user", "www-data", "--group", "www-data"] if os.geteuid() == 0 else []
    where = ["--port", str(place.port), "--server-root", str(place.folder / "root")]
    entry = str(place.project / "benchmark_app.wsgi")
    return [[*words, entry, *where, *user, "--locale", "C.UTF-8", *options]]


def _gunicorn(place: Place, bind: str) -> list[str]:
    size = ["--workers", str(place.processes), "--threads", str(place.threads)]
    size += ["--worker-class", "gthread"]
    log = ["--access-logfile", str(place.folder / "access.log")]
    user = ["--user", "www-data"] if os.geteuid() == 0 else []
    words = [str(place.python), "-m", "gunicorn", "--bind", bind, *size, *user]
    return [*words, *log, "benchmark_app:create_app()"]


def _nginx(place: Place, passes: str) -> list[str]:
    """nginx with an access log and static files, as its documentation has it."""
    config = place.folder / "nginx.conf"
    tls = ""
    if place.certificate:
        key = place.certificate.with_suffix(".key")
        tls = f"ssl_certificate {place.certificate}; ssl_certificate_key {key};"
    config.write_text(
        f"""
daemon off;
pid {place.folder}/nginx.pid;
worker_processes auto;
error_log {place.folder}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
    include /etc/nginx/mime.types;
    access_log {place.folder}/nginx-access.log;
    sendfile on;
    client_max_body_size 20m;
    client_body_temp_path {place.folder}/body;
    proxy_temp_path {place.folder}/proxy;
    fastcgi_temp_path {place.folder}/fastcgi;
    uwsgi_temp_path {place.folder}/uwsgi;
    scgi_temp_path {place.folder}/scgi;
    server {{
        listen 127.0.0.1:{place.port} {"ssl http2" if tls else ""} backlog=4096;
        {tls}
        location /static/ {{ alias {place.project}/benchmark_app/static/; }}
        location / {{ {passes} }}
    }}
}}
"""
    )
    return ["nginx", "-c", str(config), "-p", str(place.folder)]


def _nginx_gunicorn(place: Place) -> list[list[str]]:
    bind = f"unix:{place.folder}/gunicorn.sock"
    passes = f"proxy_pass http://{bind}; proxy_set_header Host $host;"
    return [_gunicorn(place, bind), _nginx(place, passes)]


def _nginx_uwsgi(place: Place) -> list[list[str]]:
    size = ["--processes", str(place.processes), "--threads", str(place.threads)]
    size += ["--master", "--need-app"]
    user = ["--uid", "www-data", "--gid", "www-data"] if os.geteuid() == 0 else []
    where = ["--socket", f"{place.folder}/uwsgi.sock", "--chdir", str(place.project)]
    app = ["--virtualenv", str(place.project / ".venv"), "--module", "benchmark_app:create_app()"]
    quiet = ["--disable-logging", "--chmod-socket=666", "--listen", "1024"]
    words = ["uwsgi", "--plugin", "python3", *size, *user, *where, *app, *quiet]
    passes = f"include /etc/nginx/uwsgi_params; uwsgi_pass unix:{place.folder}/uwsgi.sock;"
    return [words, _nginx(place, passes)]


def _granian(place: Place) -> list[list[str]]:
    size = ["--workers", str(place.processes), "--blocking-threads", str(place.threads)]
    where = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(place.port), "--factory"]
    words = [str(place.python), "-m", "granian", *where, *size, "--access-log"]
    return [[*words, "benchmark_app:create_app"]]


def _apache(place: Place) -> list[list[str]]:
    """Apache with an access log and as many connections as ours, for the static files."""
    modules = ("mpm_event", "authz_core", "alias", "mime")
    loads = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules)
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    config = place.folder / "httpd.conf"
    config.write_text(
        f"""
{loads}
{user}
ServerName localhost
PidFile {place.folder}/httpd.pid
Listen 127.0.0.1:{place.port}
ThreadLimit 1024
ThreadsPerChild 1024
MaxRequestWorkers 2048
StartServers 2
MinSpareThreads 1
MaxSpareThreads 2048
MaxKeepAliveRequests 0
TypesConfig /etc/mime.types
ErrorLog {place.folder}/error.log
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog {place.folder}/access.log combined
DocumentRoot {place.folder}
Alias /static/ {place.project}/benchmark_app/static/
<Directory {place.project}/benchmark_app/static>
    Require all granted
</Directory>
"""
    )
    return [["apache2", "-f", str(config), "-DFOREGROUND"]]


CONTENDERS = (
    Contender(
        "as generated",
        commands=lambda place: [],
        before=lambda place: [_run(place, "start")],
        after=lambda place: [_run(place, "stop")],
        varies=True,
    ),
    Contender(
        "embedded",
        commands=lambda place: [],
        before=lambda place: [_run(place, "start", "--mode", "embedded")],
        after=lambda place: [_run(place, "stop")],
        varies=True,
    ),
    Contender(
        "mod_wsgi-express, same processes and threads",
        lambda place: _express(
            place,
            "--processes",
            str(place.processes),
            "--threads",
            str(place.threads),
            "--access-log",
        ),
    ),
    Contender("mod_wsgi-express, one process (its default)", _express),
    Contender("nginx + gunicorn", _nginx_gunicorn, needs=("nginx",), varies=True),
    Contender("nginx + uWSGI", _nginx_uwsgi, needs=("nginx", "uwsgi")),
    Contender("gunicorn", lambda place: [_gunicorn(place, f"127.0.0.1:{place.port}")]),
    Contender("granian", _granian),
    Contender("Apache alone", _apache, needs=("apache2",), is_static=True),
)
REFERENCE = "nginx + gunicorn"


@contextmanager
def serving(contender: Contender, place: Place) -> Iterator[str]:
    """Serve; yields the address. Everything it started is ended afterwards.

    :raises RuntimeError: it does not answer within 30 seconds.
    """
    shutil.rmtree(place.folder, ignore_errors=True)
    place.folder.mkdir(parents=True)
    place.folder.chmod(0o777)
    settings = {
        "PORT": str(place.port),
        "PROCESSES": str(place.processes),
        "THREADS": str(place.threads),
    }
    if place.certificate:
        settings |= {"PORT": str(free_port()), "HTTPS_PORT": str(place.port)}
        settings["TLS_CERTIFICATE"] = str(place.certificate)
        settings["TLS_KEY"] = str(place.certificate.with_suffix(".key"))
    paths = {"PYTHONPATH": f"{place.tools}:{place.project}"}
    env = os.environ | settings | paths | {"FLASK_SECRET_KEY": "only for benchmarks"}
    output = place.folder / "output.log"
    started: list[subprocess.Popen[bytes]] = []
    with output.open("wb") as log:
        try:
            for words in contender.before(place):
                subprocess.run(words, env=env, check=True, stdout=log, stderr=log)
            for words in contender.commands(place):
                process = subprocess.Popen(
                    words,
                    env=env,
                    cwd=place.project,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                started.append(process)
            first = "/static/style.css" if contender.is_static else "/"
            _wait_until_it_answers(f"{place.address}{first}", output, place.certificate)
            yield place.address
        finally:
            for words in contender.after(place):
                subprocess.run(words, env=env, stdout=log, stderr=log)
            for process in reversed(started):
                _end(process)


def _wait_until_it_answers(address: str, output: Path, certificate: Path | None) -> None:
    deadline = time.monotonic() + 30
    trust = ssl.create_default_context(cafile=certificate)
    while time.monotonic() < deadline:
        try:
            with urlopen(address, timeout=5, context=trust) as response:
                if response.status == 200:
                    return
        except (OSError, HTTPError):
            time.sleep(0.1)
    raise RuntimeError(f"no answer from {address}\n{output.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
