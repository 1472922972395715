"""HTTPS by two settings: what Apache is told of it, and what is checked before."""

from pathlib import Path

from .. import problems
from ..config.project import Project
from ..config.settings import Settings, in_address
from ..machine import installation
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


def names(project: Project, settings: Settings, server_root: Path) -> dict[str, object]:
    """The names in ``apache/conf/tls.conf``; none without a certificate."""
    if not settings.tls_certificate:
        return {}
    certificate, key = files(project, settings)
    is_local = certificate.is_relative_to(local_folder(project))
    return {
        "TLS_LISTEN": f"{in_address(settings.host)}:{settings.https_port}",
        "TLS_CERTIFICATE": certificate,
        "TLS_KEY": key,
        "HTTPS_PORT": settings.https_port,
        "HTTPS_COLON_PORT": _colon_port(settings),
        "HSTS": "max-age=0" if is_local else HSTS,
        "TLS_SESSIONS": server_root / "tls-sessions",
        "STAND_IN": server_root / "stand-in",
        "STAND_IN_TIMEOUT": 2 * settings.request_limit + 60,
    }


def _colon_port(settings: Settings) -> str:
    return "" if settings.https_port == 443 else f":{settings.https_port}"


def address(settings: Settings) -> str:
    """Where the application is, without a slash at the end; by HTTPS if there is a certificate."""
    mount_point = settings.mount_point.rstrip("/")
    if settings.tls_certificate:
        return f"https://{in_address(settings.host)}{_colon_port(settings)}{mount_point}"
    colon_port = "" if settings.port == 80 else f":{settings.port}"
    return f"http://{in_address(settings.host)}{colon_port}{mount_point}"


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
    certificate, key = files(project, settings)
    is_local = certificate.is_relative_to(local_folder(project))
    return certificates.load(certificate, key, "" if is_local else settings.hosts)


def replaced(settings: Settings, certificate: certificates.Certificate | None) -> str:
    """Of a server that runs: what to say where it serves another one than is in the files."""
    if not certificate:
        return ""
    served = certificates.served(settings.host, settings.https_port)
    if served in (b"", certificate.der):
        return ""
    return "another certificate is in the files than is served; ./run renew takes it"


def _check_module() -> None:
    found = installation.here()
    module = found.modules / "mod_ssl.so"
    if not module.exists():
        remedy = [systems.install("bundled"), "./run setup"]
        from_system = [systems.install("tls")]
        raise problems.tls_unavailable(module, remedy if found.is_bundled else from_system)
