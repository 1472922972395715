"""The settings of a project: real environment variables, then ``.env``, then defaults.

Each is declared once, in `Settings`. `load` reads them, `reference` writes ``.env.example`` and the
table of the documentation, and ``./run config`` shows them, all from that declaration.
"""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .. import problems
from ..machine import capacity
from . import parsers, proxies
from .parsers import Parser, Value, if_empty, number, one_of


@dataclass(frozen=True)
class Setting:
    """The declaration of one setting.

    :param about: What it is for, in sentences. Range, unit and default are added to it.
    :param default: The text that stands for it where none is given.
    :param default_means: The default in words, where it is empty.
    :param example: A possible value, for a remedy.
    :param at_reload: Only the application reads it, so that ``./run reload`` is enough.
    """

    parser: Parser[Any]
    about: str
    default: str
    default_means: str
    example: str
    at_reload: bool = False


def setting(parser: Parser[Value], about: str, default: str = "", **others: Any) -> Value:
    """A field of `Settings`; its type is what the parser returns. `others` are of `Setting`."""
    others = {"default_means": default, "example": default, **others}
    declared = Setting(parser, about, default, **others)
    field: Value = dataclasses.field(metadata={"setting": declared})
    return field


@dataclass(frozen=True)
class Settings:
    """One field for each setting, named as in ``.env`` but in lower case."""

    host: str = setting(
        parsers.address,
        "Address that Apache listens on; 0.0.0.0 is every IPv4 address of this machine.",
        "127.0.0.1",
    )
    port: int = setting(parsers.port, "Port that Apache listens on.", "8000", example="8080")
    mount_point: str = setting(
        parsers.url_path, "URL path that the application is served under.", "/", example="/app"
    )
    run_user: str = setting(
        parsers.user_name,
        "System user that the application runs as when root starts Apache.",
        default_means="the system's web user",
        example="app",
    )
    mode: str = setting(
        one_of("daemon", "embedded"),
        "Where the application runs: in its own processes (daemon), or in Apache's (embedded). Embedded is"
        " faster for requests that take little time, but a reload replaces all processes at once.",
        "daemon",
    )
    processes: int = setting(
        if_empty(number(1, 512), capacity.processes),
        "Processes that run the application. They do not share global variables. With 1 process,"
        " all requests wait while it is stuck or loads the application at a reload.",
        default_means="one for each core, 2 to 8",
        example="2",
    )
    threads: int = setting(number(1, 512), "Requests that each process works on at once.", "5")
    request_limit: int = setting(
        number(5, 3600, "seconds"),
        "Time that the application may take for a request; then the client gets a 504. The time that"
        " a slow client takes does not count.",
        "60",
    )
    start_limit: int = setting(
        number(1, 3600, "seconds"), "Time that the application may take to load at a start.", "60"
    )
    stop_limit: int = setting(
        number(0, 3600, "seconds"),
        "Time that requests under way get to finish at a stop or a reload.",
        "10",
    )
    keep_alive: int = setting(
        number(0, 3600, "seconds"),
        "Time that an idle connection is kept open for the next request.",
        "5",
    )
    max_upload_mb: int = setting(
        number(1, 10240, "megabytes"), "Largest upload; a larger one gets a 413.", "10"
    )
    stream_uploads: str = setting(
        Parser("URL paths, separated by commas or spaces", parsers.url_paths),
        "Paths at and below which the application reads an upload while it arrives. A slow client"
        " then occupies one of THREADS. At other paths, an upload is complete before the application"
        " gets the request.",
        default_means="no path",
        example="/upload,/api/streams",
    )
    max_header_kb: int = setting(
        number(1, 63, "kilobytes"),
        "Largest URL (a longer one gets a 414), and largest size of the fields Cookie, Authorization,"
        " Referer and User-Agent together (431). Any field of four times that size gets a 400, over"
        " HTTP/2 a 431.",
        "8",
    )
    trusted_proxies: str = setting(
        Parser("IP addresses or networks, separated by commas or spaces", proxies.networks),
        "Addresses of proxies in front of Apache. X-Forwarded-For, -Proto, -Host, -Port and -Prefix"
        " and X-Request-ID are used only if one of these sends them.",
        default_means="no proxy is trusted",
        example="10.0.0.0/8,::1",
    )
    hosts: str = setting(
        Parser("host names, separated by commas or spaces", proxies.hosts),
        "Host names that clients may use, such as `example.com,*.example.com`. A request for any"
        " other name gets a 421. The address that Apache listens on is HOST.",
        default_means="any host name",
        example="example.com,*.example.com",
    )
    log_format: str = setting(
        one_of("text", "json"),
        "Format of the logs: text for people, or one JSON object a line for programs.",
        "text",
    )
    log_level: str = setting(
        parsers.log_level,
        "Lowest level of the application's messages that is logged.",
        "info",
        at_reload=True,
    )
    log_size_mb: int = setting(
        number(1, 1024, "megabytes"),
        "Size at which a log in `var/log` is rotated. In the foreground, logs go to the terminal.",
        "10",
    )
    log_count: int = setting(number(1, 100, "files"), "Rotated files kept of each log.", "5")
    tls_certificate: str = setting(
        parsers.pem_file,
        "Certificate, followed by the intermediate certificates, as in certbot's fullchain.pem. With"
        " it and TLS_KEY, Apache serves HTTPS on HTTPS_PORT, and PORT redirects there.",
        default_means="no HTTPS",
        example="/etc/ssl/certs/server.pem",
    )
    tls_key: str = setting(
        parsers.pem_file,
        "Private key of the certificate.",
        default_means="no HTTPS",
        example="/etc/ssl/private/server.key",
    )
    https_port: int = setting(
        parsers.port, "Port that Apache listens on for HTTPS; not the same as PORT.", "8443"
    )
    https_names: str = setting(
        Parser("host names, separated by commas or spaces", proxies.names),
        "Host names such as `example.com,www.example.com`, for which Apache itself gets a"
        " certificate and renews it. Leave TLS_CERTIFICATE and TLS_KEY empty. Port 80 of each name"
        " has to lead to PORT, because the authority requests a file there.",
        default_means="no certificate is fetched",
        example="example.com,www.example.com",
    )
    https_contact: str = setting(
        parsers.mail_address,
        "Mail address for the authority that issues the certificate of HTTPS_NAMES. By setting it,"
        " you accept the authority's terms.",
        default_means="none",
        example="you@example.com",
    )
    https_authority: str = setting(
        parsers.https_url,
        "ACME directory of the authority that issues the certificate of HTTPS_NAMES.",
        "https://acme-v02.api.letsencrypt.org/directory",
    )
    monitoring_host: str = setting(
        parsers.address,
        "Address that the pages of METRICS_PORT and TELEMETRY_PORT listen on.",
        "127.0.0.1",
    )
    metrics_port: int | None = setting(
        if_empty(number(1024, 65535), lambda: None),
        "Port of the page with metrics for Prometheus.",
        default_means="off, and nothing is counted",
        example="9100",
    )
    telemetry_port: int | None = setting(
        if_empty(number(1024, 65535), lambda: None),
        "Port of mod_wsgi's page of live figures and slow requests. It needs the package"
        " mod_wsgi-telemetry.",
        default_means="off",
        example="8888",
    )
    content_security_policy: str = setting(
        parsers.policy,
        "Content-Security-Policy of every answer without one of its own: what pages may load and"
        " run. If it is empty, Cross-Origin-Opener-Policy, Cross-Origin-Resource-Policy,"
        " Permissions-Policy and X-Content-Type-Options are not sent either.",
        default_means="pages are not restricted",
        example="default-src 'self'",
    )
    apache_include: str = setting(
        parsers.file,
        "File with your own Apache directives, read after all others.",
        default_means="none",
        example="apache.conf",
    )

    @property
    def has_https(self) -> bool:
        """Whether HTTPS_PORT serves."""
        return bool(self.tls_certificate or self.https_names)


SETTINGS: dict[str, Setting] = {
    field.name.upper(): field.metadata["setting"] for field in dataclasses.fields(Settings)
}
NAMES = tuple(SETTINGS)
# No variables of the application: what would make its Python another one, and what systemd says to this process
# alone.
WITHHELD = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "NOTIFY_SOCKET")
AT_RELOAD = {name.lower() for name, declared in SETTINGS.items() if declared.at_reload}


def in_address(host: str) -> str:
    """The host as addresses have it: IPv6 in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def source(name: str, in_file: Mapping[str, str]) -> str:
    """Where the value of a setting comes from: environment, .env or default.

    :param in_file: The variables in ``.env``.
    """
    if os.environ.get(name, "").strip():
        return "environment"
    return ".env" if name not in os.environ and in_file.get(name, "").strip() else "default"


def load(given: Mapping[str, str], in_file: Mapping[str, str] = MappingProxyType({})) -> Settings:
    """Check every setting in `given`; an empty one means its default.

    :param in_file: The variables in ``.env``, which a remedy may have to change.
    :raises Problem: one has a value it cannot have.
    """
    values = {}
    for name, declared in SETTINGS.items():
        text = given.get(name, "").strip() or declared.default
        try:
            values[name.lower()] = declared.parser.parse(text)
        except ValueError:
            allowed, is_there = declared.parser.allowed, in_file.get(name, "").strip() == text
            raise problems.setting_invalid(
                name, text, allowed, declared.example, is_there
            ) from None
    return Settings(**values)
