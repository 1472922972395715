"""Certificates: whether a file and its key can be served, and which one is being served."""

import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

from .. import problems
from ..machine import files
from . import doubts

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@dataclass(frozen=True)
class Certificate:
    """A certificate as clients see it, as DER bytes.

    Either they accept it until `expires`, in seconds since 1970, or they have an `objection`.
    `doubts` are what may keep some of them from it.
    """

    der: bytes
    expires: float = 0
    objection: str = ""
    doubts: tuple[str, ...] = ()

    def __str__(self) -> str:
        day = time.strftime("%Y-%m-%d", time.gmtime(self.expires))
        return self.objection or f"the certificate is valid until {day}"

    @property
    def warnings(self) -> list[str]:
        """A line for each, for the user who starts the server."""
        if self.objection:
            return [f"careful, browsers refuse its certificate: {self.objection}"]
        return [f"careful, its certificate: {doubt}" for doubt in self.doubts]


def load(file: Path, key: Path, hosts: str = "") -> Certificate:
    """Read a certificate and its key as Apache will.

    :param hosts: ``HOSTS``, which its names should be.
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
    seen = _seen(client, server)
    if isinstance(seen, str):
        return Certificate(der, objection=seen)
    expires = ssl.cert_time_to_seconds(str(seen["notAfter"]))
    found = doubts.of(seen, _chain_objection(server, text, seen), hosts, time.time())
    return Certificate(der, expires, doubts=tuple(found))


def public(file: Path) -> Certificate | None:
    """A certificate without its key, which is not looked at; None where there is none."""
    try:
        return Certificate(
            ssl.PEM_cert_to_DER_cert(_first(files.source(file).decode("ascii", "replace")))
        )
    except (OSError, ValueError):
        return None


def _read(name: str, path: Path) -> str:
    try:
        return files.source(path).decode("ascii", "replace")
    except OSError as error:
        raise problems.tls_unreadable(name, path, error.strerror or str(error)) from None


def _first(text: str) -> str:
    """The server's own certificate; those after it in the file vouch for it."""
    start = text.index(_BEGIN)
    return text[start : text.index(_END, start) + len(_END)]


def _chain_objection(server: ssl.SSLContext, text: str, seen: doubts.Seen) -> str:
    """The objection of clients that trust this system's authorities and those in the file, if any."""
    if seen.get("issuer") == seen.get("subject"):
        return ""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_default_certs()
    others = text[text.index(_END) + len(_END) :]
    if _BEGIN in others:
        client.load_verify_locations(cadata=others[others.index(_BEGIN) :])
    objection = _seen(client, server)
    return objection if isinstance(objection, str) else ""


def _seen(client: ssl.SSLContext, server: ssl.SSLContext) -> doubts.Seen | str:
    """What `client` sees of the certificate, or its objection to it.

    They meet in memory: https://docs.python.org/3/library/ssl.html#memory-bio-support
    """
    client.check_hostname = False
    # Who issued what it trusts need not be known.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(theirs, ours), server.wrap_bio(ours, theirs, server_side=True)
    try:
        for end in ends * 3:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    return ends[0].getpeercert() or {}


def unverified() -> ssl.SSLContext:
    """For connections to our own server, whoever issued its certificate."""
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
