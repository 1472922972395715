"""Certificates: whether a file and its key can be served, and which one is being served."""

import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

from .. import problems

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@dataclass(frozen=True)
class Certificate:
    """What clients get to see, as DER bytes.

    Either they accept it until `expires`, in seconds since 1970, or they have an `objection`.
    """

    der: bytes
    expires: float = 0
    objection: str = ""

    def __str__(self) -> str:
        day = time.strftime("%Y-%m-%d", time.gmtime(self.expires))
        return self.objection or f"the certificate is valid until {day}"


def load(file: Path, key: Path) -> Certificate:
    """Read a certificate and its key as Apache will.

    :raises Problem: one cannot be read, is no PEM, is encrypted or open to everybody, or they do
        not belong together. What clients object to, such as its age, is no reason: serving it
        may be better than serving nothing.
    """
    text = _read("TLS_CERTIFICATE", file)
    _read("TLS_KEY", key)
    if key.stat().st_mode & 0o007:
        raise problems.tls_key_open(key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        der = ssl.PEM_cert_to_DER_cert(_first(text))
        client.load_verify_locations(cadata=der)
    except (ValueError, ssl.SSLError):
        raise problems.tls_not_pem("TLS_CERTIFICATE", file, "a certificate") from None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asked = []

    def passphrase() -> str:  # OpenSSL asks where the key is encrypted
        asked.append(key)
        return "unknown"

    try:
        server.load_cert_chain(file, key, passphrase)
    except ssl.SSLError as error:
        if asked:
            raise problems.tls_key_encrypted(key) from None
        if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
            raise problems.tls_mismatch(file, key) from None
        if error.reason:  # such as EE_KEY_TOO_SMALL
            raise problems.tls_refused(file, str(error)) from None
        raise problems.tls_not_pem("TLS_KEY", key, "a private key") from None
    return _seen(client, server, der)


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace")
    except OSError as error:
        raise problems.tls_unreadable(name, path, error.strerror or str(error)) from None


def _first(text: str) -> str:
    """The server's own certificate; those after it in the file vouch for it."""
    start = text.index(_BEGIN)
    return text[start : text.index(_END, start) + len(_END)]


def _seen(client: ssl.SSLContext, server: ssl.SSLContext, der: bytes) -> Certificate:
    """What `client`, which trusts this certificate and no other, says of its dates and purpose.

    They meet in memory: https://docs.python.org/3/library/ssl.html#memory-bio-support
    """
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # who issued it need not be known
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(theirs, ours), server.wrap_bio(ours, theirs, server_side=True)
    try:
        for end in ends * 3:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    except ssl.SSLCertVerificationError as error:
        return Certificate(der, objection=error.verify_message)
    found = ends[0].getpeercert() or {}
    return Certificate(der, expires=ssl.cert_time_to_seconds(str(found["notAfter"])))


def unverified() -> ssl.SSLContext:
    """For connections to our own server, whoever vouches for its certificate."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    return client


def served(host: str, port: int) -> bytes:
    """The certificate that a new connection gets to see, as DER; empty where there is none."""
    try:
        with (
            socket.create_connection((host, port), timeout=20) as connection,
            unverified().wrap_socket(connection, server_hostname="localhost") as secured,
        ):
            return secured.getpeercert(binary_form=True) or b""
    except OSError:
        return b""
