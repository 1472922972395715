"""The certificate of ``./run dev --tls``: self-signed, for this machine only."""

import subprocess
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..machine import files, trust
from ..problems.problem import Problem
from .certificates import load
from .https import local_folder

DAYS = 90
# In place of the system's file, whose extensions OpenSSL 1.1.1 would add to those of an option.
_CONFIGURATION = """\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
subjectAltName = DNS:localhost,DNS:*.localhost,IP:127.0.0.1,IP:::1
basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth
"""


def settings(project: Project) -> dict[str, str]:
    """The settings that serve it; makes it where there is none or it has expired.

    :raises Problem: openssl is missing, or failed.
    """
    folder = local_folder(project)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    try:
        is_usable = not load(certificate, key).objection
    except Problem:
        is_usable = False
    if not is_usable:
        _make(certificate, key)
    return {"TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(key)}


def _make(certificate: Path, key: Path) -> None:
    trust.made_folder(key.parent, 0o700)
    for file in (certificate, key):  # not what links of these names lead to: openssl follows them
        files.write(file, "", 0o600)
    # -nodes is deprecated since OpenSSL 3, but older versions and LibreSSL know no other word.
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    words = ("openssl", "req", "-x509", "-config", "/dev/stdin", *kind, "-days", str(DAYS))
    try:
        done = subprocess.run(
            [*words, "-keyout", key, "-out", certificate],
            input=_CONFIGURATION,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        raise problems.openssl_missing() from None
    if done.returncode != 0:
        raise problems.tls_refused(certificate, done.stderr.strip())
