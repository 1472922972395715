"""What Apache is told of the settings."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from samples import me, project

from flask_modwsgi.apache import configuration, proxy_status
from flask_modwsgi.apache.app_profile import AppProfile, StaticFiles
from flask_modwsgi.apache.sites import PRODUCTION, Site
from flask_modwsgi.config import reference, settings
from flask_modwsgi.doctor.check_environment import NEEDED, NEEDED_FOR_PROXIES, NEEDED_FOR_TLS
from flask_modwsgi.machine import capacity
from flask_modwsgi.machine.installation import Installation
from flask_modwsgi.server import import_check, launch, restart_reasons, rolling_reload, summary
from flask_modwsgi.tls.certificates import Certificate

ROOT = Path("/srv/var")
DEBIAN = Installation(Path("/usr/sbin/apache2"), Path("/usr/lib/modules"), Path("/srv/mod_wsgi.so"))


def text_for(folder: Path, given: dict[str, str], static: StaticFiles | None = None) -> str:
    """The configuration of a project in that folder, with these settings."""
    profile = AppProfile(str(static.folder), static.url) if static else AppProfile()
    site = Site(
        *(project(folder), settings.load(given), me(), {}, (), PRODUCTION, ROOT, None, {}),
        certificate=Certificate(b""),
        application=profile,
    )
    return configuration.httpd_conf(site, DEBIAN)


def test_own_directives_can_tell_a_server_that_runs_for_a_short_time(tmp_path: Path) -> None:
    site = Site(
        *(project(tmp_path), settings.load({}), me(), {}, (), PRODUCTION, ROOT, None, {}),
        is_temporary=True,
    )
    assert 'Define TEMPORARY "on"\n' in configuration.httpd_conf(site, DEBIAN)
    assert "TEMPORARY" not in text_for(tmp_path, {})


@pytest.mark.parametrize("mode", ["daemon", "embedded"])
def test_a_reload_keeps_the_connections_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """The shell it is typed in may be allowed more memory than the service."""
    chosen = settings.load({"MODE": mode, "PROCESSES": "2"})
    site = Site(*(project(tmp_path), chosen, me(), {}, (), PRODUCTION, tmp_path, None, {}))

    def unchanged(*words: object) -> list[str]:
        return []

    monkeypatch.setattr(capacity, "connections", lambda: 1024)
    text = configuration.httpd_conf(site, DEBIAN)
    assert 'Define CONNECTIONS "1024"\n' in text
    started = launch.recorded(site)
    monkeypatch.setattr(capacity, "connections", lambda: 2048)
    monkeypatch.setattr(launch, "for_production", lambda *words: site)
    monkeypatch.setattr(import_check, "check_for_production", lambda site: site)
    monkeypatch.setattr(restart_reasons, "of", unchanged)
    monkeypatch.setattr(restart_reasons, "stale", unchanged)
    again = rolling_reload._tried(site.project, tmp_path, started)
    assert configuration.httpd_conf(again, DEBIAN) == text
    assert launch.recorded(again).connections == 1024
    shown = summary.of(site.project, tmp_path, started)["Capacity"]
    assert "1024 connections" in shown


def test_apache_is_told_of_the_mount_point(tmp_path: Path) -> None:
    static = StaticFiles(tmp_path / "files", "/static")
    text = text_for(tmp_path / "x", {"MOUNT_POINT": "/app"}, static)
    assert 'Define STATIC_URL "/app/static"\n' in text
    assert 'static-files"\n' in text
    assert 'Define URL "/app"\n' in text


def test_apache_is_told_of_static_files_where_there_are_any(tmp_path: Path) -> None:
    static = StaticFiles(Path("/srv/x/dist"), "/v1.0")
    text = text_for(tmp_path, {"MOUNT_POINT": "/app"}, static)
    assert "/srv/x/dist" not in text  # a reload may have another folder
    assert 'Define STATIC_URL "/app/v1\\.0"\n' in text
    assert "STATIC" not in text_for(tmp_path, {"MOUNT_POINT": "/app"})


def test_apache_listens_on_an_address_of_ipv6_in_brackets(tmp_path: Path) -> None:
    assert 'Define LISTEN "[::1]:81"\n' in text_for(tmp_path, {"HOST": "::1", "PORT": "81"})


def test_the_modules_that_are_loaded_are_those_that_are_checked(tmp_path: Path) -> None:
    def loaded(text: str) -> set[str]:
        return set(re.findall(r"LoadModule (\w+)_module", text))

    def read(name: str) -> str:
        return (configuration.CONF / name).read_text("utf-8")

    always = loaded(text_for(tmp_path, {}) + read("modules.conf"))
    assert always - {"brotli", "wsgi"} == NEEDED
    assert loaded(read("tls.conf")) - {"ssl", "http2", "md", "watchdog"} == NEEDED_FOR_TLS
    assert loaded(read("proxies.conf")) == NEEDED_FOR_PROXIES


def test_the_files_use_what_is_defined_and_have_every_error_page(tmp_path: Path) -> None:
    files = "".join(file.read_text("utf-8") for file in configuration.CONF.iterdir())
    given = {
        "MOUNT_POINT": "/app",
        "TRUSTED_PROXIES": "::1",
        "HOSTS": "example.com",
        "TLS_CERTIFICATE": "/srv/c.pem",
        "TLS_KEY": "/srv/k.pem",
        "METRICS_PORT": "9100",
        "TELEMETRY_PORT": "9101",
        "APACHE_INCLUDE": "apache.conf",
        "CONTENT_SECURITY_POLICY": reference.STRICT_POLICY,
    }
    text = text_for(tmp_path, given, StaticFiles(tmp_path, "/static"))
    documents = re.findall(r"^ErrorDocument (\d+) /.errors/\1.var$", text, re.MULTILINE)
    assert tuple(map(int, documents)) == proxy_status.STATUSES
    used = set(re.findall(r"(?:\$\{|<IfDefine )([A-Z_]+)[}>]", files))
    used -= {"PYTHON_LIBRARY", "DEVELOPMENT", "TOKEN"}  # of macOS, of ./run dev, of a renewal
    text += text_for(tmp_path, {"HTTPS_NAMES": "example.com", "HTTPS_CONTACT": "a@example.com"})
    assert used == set(re.findall(r"^Define (\w+)", text, re.MULTILINE))


def test_apache_finds_its_libraries_and_those_of_the_application() -> None:
    bundled = replace(DEBIAN, libraries="/srv/httpd/lib")
    given = {"LD_LIBRARY_PATH": "/srv/shop/lib", "A": "1"}
    assert bundled.environment(given) == {
        "LD_LIBRARY_PATH": "/srv/httpd/lib:/srv/shop/lib",
        "A": "1",
    }
    assert bundled.environment({}) == {"LD_LIBRARY_PATH": "/srv/httpd/lib"}
    assert DEBIAN.environment(given) == given
