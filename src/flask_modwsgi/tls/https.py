"""HTTPS by two settings: what Apache is told of it, and what is checked before."""

import importlib
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..config.settings import Settings, in_address
from ..problems import systems
from . import certificates

# A browser that has seen it goes to HTTPS by itself for a year (RFC 6797).
HSTS = "max-age=31536000"


def local_folder(project: Project) -> Path:
    """What ``./run dev --tls`` serves with; browsers must not remember anything of that."""
    return project.var / "tls"


def files(project: Project, settings: Settings) -> tuple[Path, Path]:
    """The certificate and its key."""
    return project.root / settings.tls_certificate, project.root / settings.tls_key


def options(project: Project, settings: Settings) -> dict[str, object]:
    """The options of mod_wsgi-express for it; none without a certificate."""
    if not settings.tls_certificate:
        return {}
    certificate, key = files(project, settings)
    return {
        "https-port": settings.https_port,
        "ssl-certificate-file": certificate,
        "ssl-certificate-key-file": key,
        # mod_wsgi-express listens for HTTPS only if there is a name; the alias is any name.
        "server-name": "localhost",
        "server-alias": "*",
    }


def names(project: Project, settings: Settings, server_root: Path) -> dict[str, object]:
    """The names in ``apache/tls.conf``; none without a certificate."""
    if not settings.tls_certificate:
        return {}
    is_local = files(project, settings)[0].is_relative_to(local_folder(project))
    return {
        "HTTPS_COLON_PORT": _colon_port(settings),
        "HSTS": "max-age=0" if is_local else HSTS,
        "MAX_UPLOAD": settings.max_upload_mb * 1024 * 1024,
        "TLS_SESSIONS": server_root / "tls-sessions",
        "STAND_IN": server_root / "stand-in",
        "STAND_IN_TIMEOUT": 2 * settings.request_limit + 60,
    }


def _colon_port(settings: Settings) -> str:
    return "" if settings.https_port == 443 else f":{settings.https_port}"


def address(settings: Settings) -> str:
    """Where HTTPS is served, without the mount point; empty without a certificate."""
    if not settings.tls_certificate:
        return ""
    return f"https://{in_address(settings.host)}{_colon_port(settings)}"


def check(project: Project, settings: Settings) -> certificates.Certificate | None:
    """The certificate that will be served; None without TLS.

    :raises Problem: Apache could not serve it.
    """
    if not settings.tls_certificate and not settings.tls_key:
        return None
    if not settings.tls_key:
        raise problems.tls_incomplete("TLS_CERTIFICATE", "TLS_KEY")
    if not settings.tls_certificate:
        raise problems.tls_incomplete("TLS_KEY", "TLS_CERTIFICATE")
    if settings.https_port == settings.port:
        raise problems.setting_invalid(
            "HTTPS_PORT", str(settings.port), "another port than PORT", str(settings.port + 1)
        )
    _check_module()
    return certificates.load(*files(project, settings))


def _check_module() -> None:
    # A module of the virtual environment that is made for one Apache, so it has no types.
    apxs = importlib.import_module("mod_wsgi.express.apxs_config")
    module = Path(apxs.LIBEXECDIR) / "mod_ssl.so"
    if not module.exists():
        is_bundled = apxs.WITH_HTTPD_PACKAGE
        remedy = [systems.install("bundled"), "./run setup"]
        raise problems.tls_unavailable(module, remedy if is_bundled else [systems.install("tls")])
