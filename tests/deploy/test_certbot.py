"""Certificates that Apache does not get by itself, under the service: certbot's, and one's own files."""

import re
from collections.abc import Iterator

import pytest
from load import load
from serving import ask

from . import authority, guide
from .conftest import PROJECT, UNIT
from .machines import Machine

# Where certbot's requests for a directory look for whom to trust; Debian's own list.
TRUST = "REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt"
RENEWAL = f"{TRUST} certbot renew --force-renewal --no-random-sleep-on-renew"
OWN, KEYS = "With certificate files of your own", "/etc/hello-flask"


@pytest.fixture(scope="module")
def site(host: Machine) -> Iterator[Machine]:
    """The machine, without HTTPS before and after."""
    authority.install(host, 90 * 86400)
    file = host.root / PROJECT.relative_to("/") / ".env"
    before = file.read_text("utf-8")
    yield host
    file.write_text(before, "utf-8")
    host.type(f"rm -rf {KEYS}; systemctl restart {UNIT}")


@pytest.fixture
def settings(site: Machine) -> Iterator[None]:
    """Those of before, afterwards."""
    file = site.root / PROJECT.relative_to("/") / ".env"
    before = file.read_text("utf-8")
    yield
    file.write_text(before, "utf-8")


def make(site: Machine, name: str) -> str:
    """A command that makes a certificate and its key where it is typed."""
    folder = f"/root/{name}"
    site.type(
        f"mkdir -p {folder} && cd {folder} && openssl req -x509 -newkey ec -noenc -days 30 "
        f"-pkeyopt ec_paramgen_curve:prime256v1 -keyout privkey.pem -out fullchain.pem "
        f"-subj /CN=example.com -addext subjectAltName=DNS:example.com 2>&1"
    )
    return f"cd {folder} && "


def issued(site: Machine, name: str) -> str:
    """A command that goes to a certificate of the authority, which asks while the service is stopped."""
    site.type(f"systemctl stop {UNIT}")
    site.type(
        f"{TRUST} certbot certonly --standalone --config-dir /root/{name} --non-interactive "
        f"--agree-tos --register-unsafely-without-email --server {authority.DIRECTORY} "
        "--domain example.com,www.example.com",
        timeout=180,
    )
    site.type(f"systemctl start {UNIT}")
    return f"cd /root/{name}/live/example.com && "


@pytest.mark.usefixtures("settings")
def test_files_of_ones_own(site: Machine) -> None:
    """From any program that gets them; here from certbot by itself."""
    site.type("apt-get install -y --no-install-recommends certbot", timeout=300)
    lines = [line for line, _ in guide.typed(OWN)]
    with authority.running(site):
        here, later = issued(site, "issued"), issued(site, "renewed")
        for line in lines:
            site.type(here + line)
        assert ask(f"http://{site.address}/").status == 308
        assert authority.is_accepted(site)
        first = authority.served(site)
        with load(f"https://{site.address}") as record:
            site.type(later + lines[0])
            site.type(f"systemctl reload {UNIT}", timeout=120)
            assert authority.served(site) != first
        assert authority.is_accepted(site)
    assert record.answered > 50
    assert record.failures == []
    assert site.type(f"stat -c '%A %U %G' {KEYS}/privkey.pem").split() == [
        *("-rw-r-----", "root", "hello-flask")
    ]


@pytest.mark.usefixtures("settings")
def test_a_certificate_that_cannot_be_served_leaves_what_is(site: Machine) -> None:
    for line, _ in guide.typed(OWN):
        site.type(make(site, "first") + line)
    before = authority.served(site)
    site.type(f"{make(site, 'third')} install -m 640 -g hello-flask privkey.pem {KEYS}")
    assert site.call("systemctl", "reload", UNIT).returncode != 0
    site.wait_for_journal("tls-mismatch", UNIT, "-p", "3..3")
    assert authority.served(site) == before


@pytest.mark.usefixtures("settings")
def test_certbot_and_its_hook_under_load(site: Machine) -> None:
    site.type(f"rm -rf {KEYS}")
    (file,) = re.findall(r"```apache\n(.*?)```", guide.TEXT, re.DOTALL)
    with authority.running(site):
        for line, _ in guide.typed("With certbot"):
            if line.startswith("certbot"):  # the authority that is asked here is another one
                line = f"{TRUST} {line} --server {authority.DIRECTORY}"
            site.type(line, timeout=300)
            if line.startswith("install -d"):
                (site.root / KEYS.lstrip("/") / "certbot.conf").write_text(file, "utf-8")
        assert authority.is_accepted(site)
        assert ask(f"http://{site.address}/").status == 308
        first = authority.served(site)
        with load(f"https://{site.address}") as record:
            site.type(RENEWAL, timeout=180)
            assert authority.served(site) != first
        assert record.answered > 50
        assert record.failures == []
        assert authority.is_accepted(site)
    site.type("certbot delete --non-interactive --cert-name example.com")
