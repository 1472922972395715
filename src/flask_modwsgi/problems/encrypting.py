"""What can be wrong with certificates and TLS."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from .problem import Problem, example


@example("TLS_CERTIFICATE", "TLS_KEY")
def tls_incomplete(given: str, missing: str) -> Problem:
    return Problem(
        "tls-incomplete",
        f"{given} is set and {missing} is not.",
        "A certificate is of no use without its private key. With both, Apache serves HTTPS; with"
        " neither, HTTP.",
        [f"{missing}=/path/to/file.pem ./run", f"{given}= ./run"],
    )


@example(Path("/usr/lib/apache2/modules/mod_ssl.so"), ["./run setup --apache bundled --rebuild"])
def tls_unavailable(module: Path, remedy: Sequence[str]) -> Problem:
    return Problem(
        "tls-unavailable",
        f"This Apache cannot do TLS: {module} is missing.",
        "mod_ssl is a separate package on some systems; the bundled Apache has it if OpenSSL's"
        " headers were there when it was compiled.",
        remedy,
    )


@example("TLS_KEY", Path("/etc/blog/key.pem"), "Permission denied")
def tls_unreadable(name: str, path: Path, reason: str) -> Problem:
    return Problem(
        "tls-unreadable",
        f"{name}={path} cannot be read: {reason}.",
        "Apache reads both files as the user who starts it; the application's user need not.",
        [f"ls -l {shlex.quote(str(path))}"],
    )


@example("TLS_CERTIFICATE", Path("/etc/blog/cert.der"), "a certificate")
def tls_not_pem(name: str, path: Path, what: str) -> Problem:
    return Problem(
        "tls-not-pem",
        f"{name}={path} does not have {what} in PEM.",
        "PEM is text with a line -----BEGIN ...-----. The server's own certificate comes first,"
        " those that vouch for it follow.",
        [f"head -1 {shlex.quote(str(path))}"],
    )


@example(Path("/etc/blog/cert.pem"), Path("/etc/blog/key.pem"))
def tls_mismatch(certificate: Path, key: Path) -> Problem:
    return Problem(
        "tls-mismatch",
        f"The key {key} is not the one of the certificate {certificate}.",
        "They are made together. The server's own certificate comes first in its file.",
        [
            f"openssl x509 -noout -pubkey -in {shlex.quote(str(certificate))}",
            f"openssl pkey -pubout -in {shlex.quote(str(key))}    # should print the same",
        ],
    )


@example(Path("/etc/blog/key.pem"))
def tls_key_encrypted(key: Path) -> Problem:
    return Problem(
        "tls-key-encrypted",
        f"The key {key} is encrypted.",
        "A server starts unattended and cannot ask for its passphrase.",
        [f"(umask 077; openssl pkey -in {shlex.quote(str(key))} -out decrypted-key.pem)"],
    )


@example(Path("/etc/blog/key.pem"))
def tls_key_open(key: Path) -> Problem:
    return Problem(
        "tls-key-open",
        f"Every user of this system has rights to the key {key}.",
        "Anyone who has it can impersonate this server.",
        [f"chmod o= {shlex.quote(str(key))}"],
    )


@example(Path("/etc/blog/cert.pem"), "ee key too small")
def tls_refused(certificate: Path, reason: str) -> Problem:
    return Problem(
        "tls-refused",
        f"OpenSSL does not take the certificate {certificate}: {reason}.",
        "Most often its key is too short, or its signature of a kind that is no longer safe.",
        [f"openssl x509 -noout -text -in {shlex.quote(str(certificate))}"],
    )


@example(Path("/etc/blog/cert.pem"), "it expired 2026-01-31")
def tls_objection(certificate: Path, objection: str) -> Problem:
    return Problem(
        "tls-objection",
        f"Clients would not accept {certificate}: {objection}.",
        "What is served now was left as it is.",
        [f"openssl x509 -noout -dates -purpose -in {shlex.quote(str(certificate))}"],
    )


@example()
def tls_off() -> Problem:
    return Problem(
        "tls-off",
        "There is no certificate to renew: TLS_CERTIFICATE is empty.",
        "The server was started without TLS.",
        ["TLS_CERTIFICATE=/path/to/fullchain.pem TLS_KEY=/path/to/privkey.pem ./run restart"],
    )


@example("it was not seen in 60 seconds")
def tls_not_renewed(reason: str) -> Problem:
    return Problem(
        "tls-not-renewed",
        f"The new certificate is not being served: {reason}.",
        "The server goes on with the one it had.",
        ["./run logs --errors", "./run restart     # a short outage"],
    )


@example("apt-get install openssl")
def openssl_missing(install: str) -> Problem:
    return Problem(
        "openssl-missing",
        "The command openssl was not found.",
        "It makes the certificate that ./run dev --tls serves with.",
        [install, "./run dev     # without TLS"],
    )
