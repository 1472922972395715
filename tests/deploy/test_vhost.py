"""deploy/vhost.conf in Debian's own Apache, beside another site and a second project."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http.client import HTTPConnection

import pytest
from conftest import bake_with
from load import load
from pytest_cookies.plugin import Cookies
from serving import Answer, ask, patience, wait_for

from .conftest import PROJECT, UNIT
from .machines import Machine

OTHER = """
<VirtualHost *:80>
    ServerName other.example.com
    DocumentRoot /var/www
    <Directory /var/www/other>
        Require all granted
    </Directory>
</VirtualHost>
"""

# These show the interpreter of a site, and its limits.
VIEWS = """

@bp.get("/interpreter")
def interpreter() -> dict[str, str]:
    from flask import request

    return {"name": request.environ["mod_wsgi.application_group"]}


@bp.post("/length")
def length() -> str:
    from flask import request

    return str(len(request.get_data()))
"""

# Fedora's layout: its folders, its account, and what its files say about them.
FEDORA = {
    "conf/httpd.conf": """
ServerRoot /etc/httpd
DefaultRuntimeDir /run/httpd
Listen 80
Include conf.modules.d/*.conf
User apache
Group apache
ServerName localhost
<Directory />
    AllowOverride none
    Require all denied
</Directory>
<Directory /var/www>
    AllowOverride None
    Require all granted
</Directory>
ErrorLog logs/error_log
TypesConfig /etc/mime.types
IncludeOptional conf.d/*.conf
""",
    "conf.modules.d/00-base.conf": "".join(
        f"LoadModule {name}_module modules/mod_{name}.so\n"
        for name in ("mpm_event", "alias", "authz_core", "dir", "headers", "mime")
    ),
    "conf.modules.d/10-wsgi-python3.conf": "LoadModule wsgi_module modules/mod_wsgi_python3.so\n",
    "conf.d/other.conf": OTHER,
}


@pytest.fixture(scope="module")
def shared(host: Machine, cookies_session: Cookies) -> Iterator[Machine]:
    """The machine, whose Apache serves another site and two projects."""
    shop = bake_with(cookies_session, project_name="Shop", mount_point="/shop")
    shutil.copytree(shop.path, host.root / "var/www/shop", symlinks=True)
    host.type(
        "chown -R root: /var/www/shop; useradd --system --user-group --home-dir /nonexistent app-shop"
    )
    host.type("RUN_USER=app-shop /var/www/shop/run setup --no-dev", timeout=300)
    files = [
        host.root / f"var/www/{name}/{name.replace('-', '_')}/views.py"
        for name in ("hello-flask", "shop")
    ]
    before = [file.read_text("utf-8") for file in files]
    for file, text in zip(files, before, strict=True):
        file.write_text(text + VIEWS, "utf-8")
    (host.root / "var/www/other").mkdir()
    (host.root / "var/www/other/index.html").write_text("another site\n", "utf-8")
    host.type(f"systemctl stop {UNIT}")
    host.type(
        "apt-get install -y --no-install-recommends apache2 libapache2-mod-wsgi-py3", timeout=300
    )
    available = host.root / "etc/apache2/sites-available"
    (available / "other.conf").write_text(OTHER, "utf-8")
    host.type("a2ensite other && systemctl reload apache2")

    def other() -> tuple[int, str]:
        found = get(host, "other.example.com", "/other/")
        return found.status, found.text

    wait_for(lambda: other() == (200, "another site\n"), 20, "the other site")
    for name in ("hello-flask", "shop"):
        host.type(
            f"ln -s /var/www/{name}/deploy/vhost.conf /etc/apache2/sites-available/{name}.conf"
        )
    host.type("a2enmod headers && a2ensite hello-flask shop && apache2ctl -t")
    host.type("systemctl restart apache2")
    yield host
    for file, text in zip(files, before, strict=True):
        file.write_text(text, "utf-8")
    host.type(f"systemctl disable --now apache2; systemctl start {UNIT}")


def get(machine: Machine, name: str, path: str) -> Answer:
    return ask(f"http://{machine.address}{path}", None, Host=name)


SITES = {"hello-flask.example.com": "", "shop.example.com": "/shop"}


@pytest.mark.parametrize(("name", "mount"), SITES.items())
def test_it_serves_the_application_and_its_files(shared: Machine, name: str, mount: str) -> None:
    page = get(shared, name, f"{mount}/")
    assert page.status == 200
    assert f"{mount}/static/style.css" in page.text
    for header in (
        *("X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy"),
        *("Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy"),
    ):
        assert len(page.headers.get_all(header) or []) == 1
    style = get(shared, name, f"{mount}/static/style.css")
    assert (style.status, style.headers.get_content_type()) == (200, "text/css")
    assert style.headers["Cache-Control"] == "public, max-age=300"
    missing = get(shared, name, f"{mount}/nothing")
    assert (missing.status, missing.headers.get_content_type()) == (404, "text/html")
    assert get(shared, name, f"{mount}/health/live").status == 200


@pytest.mark.parametrize(("name", "mount"), SITES.items())
def test_it_runs_in_the_main_interpreter(shared: Machine, name: str, mount: str) -> None:
    answer = get(shared, name, f"{mount}/interpreter")
    assert (answer.status, json.loads(answer.text)) == (200, {"name": ""})


@pytest.mark.parametrize(("name", "mount"), SITES.items())
def test_what_is_too_large_is_refused(shared: Machine, name: str, mount: str) -> None:
    most = 10 * 1024 * 1024
    assert post(shared, name, f"{mount}/length", most) == (200, str(most))
    assert post(shared, name, f"{mount}/length", most + 1)[0] == 413
    assert get(shared, name, f"{mount}/{'x' * 7000}").status == 404
    assert get(shared, name, f"{mount}/{'x' * 8192}").status == 414


def post(machine: Machine, name: str, path: str, size: int) -> tuple[int, str]:
    """Send so many bytes; status and text of the answer."""
    with closing(HTTPConnection(machine.address, timeout=60 * patience())) as connection:
        connection.request("POST", path, b"x" * size, {"Host": name})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_the_second_site_keeps_working(shared: Machine) -> None:
    assert get(shared, "other.example.com", "/other/").text == "another site\n"


@pytest.mark.parametrize("name", [*SITES, "other.example.com"])
@pytest.mark.parametrize("project", ["hello-flask", "shop"])
def test_nothing_of_a_project_is_reachable_as_a_file(
    shared: Machine, name: str, project: str
) -> None:
    package = project.replace("-", "_")
    secret = shared.type(f"sed -n s/^FLASK_SECRET_KEY=//p /var/www/{project}/.env").strip()
    for file in (".env", "run", "deploy/vhost.wsgi", "deploy/vhost.conf", f"{package}/views.py"):
        for path in (
            f"/{file}",
            f"/{project}/{file}",
            f"/static/../{file}",
            f"/static/%2e%2e/{file}",
        ):
            for before in ("", "/shop"):
                answer = get(shared, name, before + path)
                assert answer.status in (400, 403, 404), (before + path, answer.status)
                assert secret not in answer.text
    folder = shared.root / f"var/www/{project}/{package}/static"
    (folder / ".hidden").write_text("hidden", "utf-8")
    if not (folder / "link.txt").is_symlink():
        (folder / "link.txt").symlink_to("/etc/passwd")
    mount = SITES.get(name, "")
    assert get(shared, name, f"{mount}/static/.hidden").status in (403, 404)
    assert get(shared, name, f"{mount}/static/link.txt").status in (403, 404)
    assert get(shared, name, f"{mount}/static/").status in (403, 404)


def test_each_has_an_account_of_its_own(shared: Machine) -> None:
    for project, other in (("hello-flask", "app-shop"), ("shop", "hello-flask")):
        for reader in ("www-data", other):
            for secret in (f"/var/www/{project}/.env", f"/var/www/{project}/var/data"):
                done = shared.call(
                    *("setpriv", f"--reuid={reader}", f"--regid={reader}", "--clear-groups"),
                    *("ls" if secret.endswith("data") else "cat", secret),
                )
                assert "Permission denied" in done.stderr
    found = "grep -l ^.wsgi: /proc/[0-9]*/cmdline | cut -d/ -f3 | xargs -I@ stat -c %U /proc/@"
    users = shared.call("sh", "-c", found).stdout  # grep finds itself, and it is gone then
    assert set(users.split()) == {"hello-flask", "app-shop"}


def test_a_reload_of_apache_takes_new_code(shared: Machine) -> None:
    views = shared.root / PROJECT.relative_to("/") / "hello_flask/views.py"
    before = views.read_text("utf-8")
    views.write_text(before + '\n\n@bp.get("/new")\ndef new() -> str:\n    return "new"\n', "utf-8")
    try:
        # Apache closes idle connections at a reload.
        with load(
            f"http://{shared.address}", "/other/", keep=0, host="other.example.com"
        ) as record:
            shared.type("systemctl reload apache2")
            name = "hello-flask.example.com"
            wait_for(lambda: get(shared, name, "/new").status == 200, 20, "new code")
        assert record.answered > 10
        assert record.failures == []
    finally:
        views.write_text(before, "utf-8")


def test_in_the_layout_of_fedora(shared: Machine) -> None:
    """Debian's Apache with files, folders and an account as Fedora has them; the last test here."""
    shared.type("systemctl stop apache2; useradd --system --home-dir /usr/share/httpd apache")
    modules = "/usr/lib64/httpd/modules"
    shared.type(
        f"install -d /etc/httpd {modules} && install -d -m 700 /var/log/httpd"
        f" && ln -s {modules} /etc/httpd/modules && ln -s /var/log/httpd /etc/httpd/logs"
        f" && ln -s /usr/lib/apache2/modules/*.so {modules}/"
        f" && mv {modules}/mod_wsgi.so {modules}/mod_wsgi_python3.so"
        f" && install -d -m 710 -g apache /run/httpd"
    )
    folder = shared.root / "etc/httpd"
    for name, text in FEDORA.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    for name in ("hello-flask", "shop"):
        shared.type(f"ln -s /var/www/{name}/deploy/vhost.conf /etc/httpd/conf.d/{name}.conf")
    apache = "/usr/sbin/apache2 -f /etc/httpd/conf/httpd.conf"
    assert "Syntax OK" in shared.type(f"{apache} -t")
    shared.type(f"systemd-run --unit httpd {apache} -DFOREGROUND")
    try:
        for name, mount in SITES.items():
            wait_for(partial(serves, shared, name, f"{mount}/"), 20, name)
            assert get(shared, name, f"{mount}/static/style.css").status == 200
            assert get(shared, name, "/.env").status in (403, 404)
        assert get(shared, "other.example.com", "/other/").text == "another site\n"
    finally:
        shared.type("systemctl stop httpd")


def serves(machine: Machine, name: str, path: str) -> bool:
    try:
        return get(machine, name, path).status == 200
    except OSError:
        return False
