"""The certificate of ``./run dev --tls``: made here, for this machine only, issued by nobody."""

import os
import subprocess

from .. import problems
from ..machine import systems
from ..problem import Problem
from .certificates import load
from .https import LOCAL

CERTIFICATE, KEY = LOCAL / "certificate.pem", LOCAL / "key.pem"
DAYS = 90
NAMES = "subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1,IP:::1"


def settings() -> dict[str, str]:
    """The settings that serve it; makes it where there is none or it has expired.

    :raises Problem: openssl is missing, or failed.
    """
    if not _is_usable():
        _make()
    return {"TLS_CERTIFICATE": str(CERTIFICATE), "TLS_KEY": str(KEY)}


def _is_usable() -> bool:
    try:
        return not load(CERTIFICATE, KEY).objection
    except Problem:
        return False


def _make() -> None:
    LOCAL.mkdir(mode=0o700, parents=True, exist_ok=True)
    KEY.unlink(missing_ok=True)
    os.close(os.open(KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
    about = ("-subj", "/CN=localhost", "-days", str(DAYS), "-addext", NAMES)
    use = (
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-addext",
        "extendedKeyUsage=serverAuth",
    )
    words = ("openssl", "req", "-x509", *kind, *about, *use, "-keyout", KEY, "-out", CERTIFICATE)
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    except FileNotFoundError:
        raise problems.openssl_missing(systems.install("openssl")) from None
    if done.returncode != 0:
        raise problems.tls_refused(CERTIFICATE, done.stderr.strip())
