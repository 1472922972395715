"""What can be wrong with certificates and TLS."""

from collections.abc import Sequence
from pathlib import Path

from . import systems
from .catalogue import Values, entry


@entry("TLS_CERTIFICATE", "TLS_KEY")
def tls_incomplete(given: str, missing: str) -> None:
    """{given} is set and {missing} is not.
    To serve HTTPS with your own certificate, set both TLS_CERTIFICATE and TLS_KEY in .env;
    otherwise set neither. To do so for a single start only:
    $ {missing}=/path/to/file.pem ./run
    $ {given}= ./run
    """


@entry(Path("/usr/lib/apache2/modules/mod_ssl.so"))
def tls_unavailable(module: Path, remedy: Sequence[str] = ()) -> Values:
    """This Apache cannot serve HTTPS with these settings: {module} is missing.
    HTTPS needs mod_ssl, and HTTPS_NAMES needs mod_md. Some systems have them in separate packages.
    The bundled Apache has mod_ssl only if OpenSSL's headers were there when it was compiled. It
    never has mod_md.
    $ {remedy}
    """
    return {"remedy": remedy or [systems.install("tls")]}


@entry("TLS_KEY", Path("/etc/blog/key.pem"), "Permission denied")
def tls_unreadable(name: str, path: Path, reason: str) -> None:
    """{name}={path} cannot be read: {reason}.
    Apache reads both files as the user who starts it. Under systemd, this is the service's account.
    $ ls -l {path!q}
    """


@entry("TLS_CERTIFICATE", Path("/etc/blog/cert.der"), "a certificate")
def tls_not_pem(name: str, path: Path, what: str) -> Values:
    """{name}={path} does not contain {what} in PEM format.
    A PEM file is text with a line -----BEGIN ...-----. The server's own certificate comes first,
    then its intermediate certificates.
    $ head -1 {path!q}
    $ openssl {kind} -inform der -in {path!q} -out {path!q}.pem    # converts a DER file
    """
    return {"kind": "x509" if name == "TLS_CERTIFICATE" else "pkey"}


@entry(Path("/etc/blog/cert.pem"), Path("/etc/blog/key.pem"))
def tls_mismatch(certificate: Path, key: Path) -> None:
    """The key {key} does not belong to the certificate {certificate}.
    A key and its certificate are made together. If the file has several certificates, the server's
    own must be the first.
    $ openssl x509 -noout -pubkey -in {certificate!q}; openssl pkey -pubout -in {key!q}    # both should print the same
    """


@entry(Path("/etc/blog/key.pem"))
def tls_key_encrypted(key: Path) -> None:
    """The key {key} is encrypted.
    Apache starts unattended and cannot ask for the passphrase of the key. This command writes the
    key without a passphrase, in a file that only you can read. If another user starts Apache, make
    that user its owner. Then set TLS_KEY to decrypted-key.pem.
    $ (umask 077; openssl pkey -in {key!q} -out decrypted-key.pem)
    """


@entry(Path("/etc/blog/key.pem"))
def tls_key_open(key: Path) -> None:
    """Every user of this system has access to the key {key}.
    Anyone who has the key can impersonate this server.
    $ chmod o= {key!q}
    """


@entry(Path("/etc/blog/cert.pem"), "ee key too small")
def tls_refused(certificate: Path, reason: str) -> None:
    """OpenSSL does not accept the certificate {certificate}: {reason}.
    Most often its key is too short, or its signature algorithm is no longer safe. Get another
    certificate, for an RSA key of 2048 bits or more. This command shows the one that you have.
    $ openssl x509 -noout -text -in {certificate!q}
    """


@entry(Path("/etc/blog/cert.pem"), "it expired 2026-01-31")
def tls_objection(certificate: Path, objection: str) -> None:
    """Clients would not accept {certificate}: {objection}.
    The server still uses the certificate it had. Put a valid one in place, then type ./run renew.
    $ openssl x509 -noout -dates -purpose -in {certificate!q}
    """


@entry()
def tls_off() -> None:
    """There is no certificate to renew: TLS_CERTIFICATE and HTTPS_NAMES are empty.
    The server was started without TLS. Write the paths of a certificate and its key into .env, or
    set them for one start:
    $ TLS_CERTIFICATE=/path/to/fullchain.pem TLS_KEY=/path/to/privkey.pem ./run restart
    """


@entry("TLS_CERTIFICATE")
def https_twice(name: str) -> None:
    """HTTPS_NAMES and {name} are both set.
    With HTTPS_NAMES, Apache gets a certificate itself. TLS_CERTIFICATE and TLS_KEY name your own.
    Remove one of the two from .env, or for one start:
    $ TLS_CERTIFICATE= TLS_KEY= ./run
    $ HTTPS_NAMES= ./run
    """


@entry()
def https_contact_missing() -> None:
    """HTTPS_NAMES is set and HTTPS_CONTACT is not.
    The certificate authority asks for a mail address. By setting it you agree to its terms. Write
    it into .env, or set it for one start:
    $ HTTPS_CONTACT=you@example.com ./run
    """


@entry("Apache does not have the certificate for example.com yet")
def https_nothing_new(awaited: str) -> None:
    """There is no new certificate: {awaited}.
    Apache gets the certificates of HTTPS_NAMES itself, and serves each one as soon as it arrives.
    $ ./run status
    """


@entry("it was not seen in 60 seconds")
def tls_not_renewed(reason: str) -> None:
    """The new certificate is not being served: {reason}.
    The server still uses the certificate it had.
    $ ./run logs --errors
    $ ./run restart     # a short outage
    """


@entry()
def openssl_missing() -> None:
    """The command openssl was not found.
    ./run dev --tls makes its certificate with openssl.
    $ {install:openssl} && ./run dev --tls
    $ ./run dev     # without TLS
    """
