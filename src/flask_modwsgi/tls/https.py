"""HTTPS: Apache's configuration for it, and the checks before a start.

The certificate is in files of the user's, or Apache gets it itself (`acme`).
"""

from pathlib import Path

from .. import problems
from ..config.project import Project
from ..config.settings import Settings, in_address
from ..machine import installation
from ..problems import systems
from . import acme, certificates

# A browser that has seen it uses HTTPS for a year (RFC 6797).
HSTS = "max-age=31536000"


def local_folder(project: Project) -> Path:
    """What ``./run dev --tls`` serves with; browsers must not remember anything of that."""
    return project.var / "tls"


def files(project: Project, settings: Settings) -> tuple[Path, Path]:
    """The certificate and its key."""
    return project.root / settings.tls_certificate, project.root / settings.tls_key


def names(
    project: Project, settings: Settings, server_root: Path, is_awaited: bool
) -> dict[str, object]:
    """The names in ``apache/conf/tls.conf``; none without HTTPS.

    :param is_awaited: There is no certificate yet, so that HTTP serves.
    """
    if not settings.has_https:
        return {}
    certificate, key = files(project, settings)
    is_local = certificate.is_relative_to(local_folder(project))
    own: dict[str, object] = {"TLS_CERTIFICATE": certificate, "TLS_KEY": key}
    return {
        "TLS_LISTEN": f"{in_address(settings.host)}:{settings.https_port}",
        "HTTPS_PORT": settings.https_port,
        "HTTPS_HOST": f"%{{SERVER_NAME}}{_colon_port(settings)}",  # no name may be empty
        "HTTPS_LEADS": str(not is_awaited).lower(),
        "HSTS": "max-age=0" if is_local else HSTS,
        "TLS_SESSIONS": server_root / "tls-sessions",
        "STAND_IN": server_root / "stand-in",
        "STAND_IN_TIMEOUT": 2 * settings.request_limit + 60,
        **(acme.names(project, settings) if settings.https_names else own),
    }


def _colon_port(settings: Settings) -> str:
    return "" if settings.https_port == 443 else f":{settings.https_port}"


def address(settings: Settings, is_awaited: bool) -> str:
    """Where the application is, without a slash at the end; by HTTPS if there is a certificate."""
    mount_point = settings.mount_point.rstrip("/")
    if settings.has_https and not is_awaited:
        return f"https://{in_address(settings.host)}{_colon_port(settings)}{mount_point}"
    colon_port = "" if settings.port == 80 else f":{settings.port}"
    return f"http://{in_address(settings.host)}{colon_port}{mount_point}"


def check(project: Project, settings: Settings) -> certificates.Certificate | None:
    """The certificate that will be served; None without TLS, and where it is awaited.

    :raises Problem: Apache could not serve it.
    """
    if settings.https_names:
        return _check_names(project, settings)
    if not settings.tls_certificate and not settings.tls_key:
        return None
    if not settings.tls_key:
        raise problems.tls_incomplete("TLS_CERTIFICATE", "TLS_KEY")
    if not settings.tls_certificate:
        raise problems.tls_incomplete("TLS_KEY", "TLS_CERTIFICATE")
    _check_port(settings)
    _check_module("ssl", "tls")
    certificate, key = files(project, settings)
    is_local = certificate.is_relative_to(local_folder(project))
    return certificates.load(certificate, key, "" if is_local else settings.hosts)


def _check_names(project: Project, settings: Settings) -> certificates.Certificate | None:
    if given := [name for name in ("tls_certificate", "tls_key") if getattr(settings, name)]:
        raise problems.https_twice(given[0].upper())
    if not settings.https_contact:
        raise problems.https_contact_missing()
    _check_port(settings)
    _check_module("ssl", "tls")
    _check_module("md", "md")
    if served := acme.certificate(project, settings):
        return certificates.load(*served, settings.hosts)
    # A start has Apache serve it.
    staged = acme.staged(project, settings.https_names)
    return certificates.public(staged) if staged else None


def _check_port(settings: Settings) -> None:
    if settings.https_port == settings.port:
        raise problems.setting_invalid(
            "HTTPS_PORT", str(settings.port), "a port other than PORT", str(settings.port + 1)
        )


def replaced(settings: Settings, certificate: certificates.Certificate | None) -> str:
    """A sentence if a running server serves another certificate than is in the files."""
    if not certificate:
        return ""
    served = certificates.served(settings.host, settings.https_port)
    if served in (b"", certificate.der):
        return ""
    return "the certificate in the files is not the one that is served; ./run renew serves it"


def _check_module(name: str, package: str) -> None:
    found = installation.here()
    module = found.modules / f"mod_{name}.so"
    if module.exists():
        return
    remedy = [systems.install(package)]
    if found.is_bundled and name == "md":  # which it never has
        remedy = [f"{systems.install('system')} && ./run setup --apache system"]
        if systems.family() == "alpine":  # its Apache has no mod_md
            remedy = [systems.install(package)]
    elif found.is_bundled:
        remedy = [f"{systems.install('bundled')} && ./run setup"]
    if name == "md":
        remedy.append("HTTPS_NAMES= ./run     # HTTP, or with the files of certbot")
    raise problems.tls_unavailable(module, remedy)
