"""The certificate of ``./run dev --tls``."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from samples import project

from flask_modwsgi.tls import certificates, local_certificate

# An openssl that knows no options of `req` that are not in OpenSSL 1.1.1 and in LibreSSL.
OLD = """\
#!/bin/sh
for word; do
    case $word in
    -x509 | -config | -newkey | -pkeyopt | -nodes | -days | -keyout | -out | -subj) ;;
    -*) echo "unknown option $word" >&2; exit 1 ;;
    esac
done
exec {openssl} "$@"
"""


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl: apt-get install openssl")
def test_an_older_openssl_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openssl = str(shutil.which("openssl"))
    old = tmp_path / "bin" / "openssl"
    old.parent.mkdir()
    old.write_text(OLD.format(openssl=openssl), "utf-8")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)
    given = local_certificate.settings(project(tmp_path / "site"))
    file, key = Path(given["TLS_CERTIFICATE"]), Path(given["TLS_KEY"])
    made = certificates.load(file, key)
    assert (made.objection, made.doubts, key.stat().st_mode & 0o777) == ("", (), 0o600)
    command = [openssl, "x509", "-in", str(file), "-noout", "-text"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for one in ("DNS:localhost, DNS:*.localhost, IP Address:127.0.0.1", "CA:FALSE", "Server Auth"):
        assert one in text
    assert text.count("Basic Constraints") == 1
    assert local_certificate.settings(project(tmp_path / "site")) == given
    assert certificates.load(file, key).der == made.der  # it is kept
