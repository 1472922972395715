"""HTTPS by HTTPS_NAMES, under the service: the first certificate, and the next ones under load."""

from collections.abc import Iterator

import pytest
from load import load
from serving import ask, wait_for

from . import authority
from .conftest import PROJECT, UNIT
from .machines import Machine

LIFETIME = 90  # seconds; Apache gets the next one when a third is left
SETTINGS = f"""
HTTPS_NAMES=example.com,www.example.com
HTTPS_CONTACT=you@example.com
HTTPS_AUTHORITY={authority.DIRECTORY}
APACHE_INCLUDE=own.conf
"""
# How often Apache looks whether it is time; usually twice a day.
OFTEN = "<IfModule md_module>\nMDCheckInterval 5s\n</IfModule>\n"


@pytest.fixture(scope="module")
def site(host: Machine) -> Iterator[Machine]:
    """The machine with these settings, whose authority does not answer yet."""
    authority.install(host, LIFETIME)
    folder = host.root / PROJECT.relative_to("/")
    before = (folder / ".env").read_text("utf-8")
    (folder / ".env").write_text(before + SETTINGS, "utf-8")
    (folder / "own.conf").write_text(OFTEN, "utf-8")
    host.type(f"systemctl restart {UNIT}")
    yield host
    (folder / ".env").write_text(before, "utf-8")
    host.type(f"systemctl restart {UNIT}")


def test_what_is_awaited_is_told_and_http_serves(site: Machine) -> None:
    assert ask(f"http://{site.address}/").status == 200

    def told() -> bool:
        status = " ".join(site.type(f"{PROJECT}/run status").split())
        return "HTTPS awaits the certificate for example.com" in status and "attempt" in status

    wait_for(told, 30, "the failed attempt in ./run status")
    assert "HTTPS awaits" in site.type(f"{PROJECT}/run doctor")
    assert "HTTPS awaits" in site.journal(UNIT)
    assert "localhost:14000" in site.journal(UNIT, "-p", "3")


def test_the_first_certificate_and_the_next_one_lose_no_request(site: Machine) -> None:
    with authority.running(site):
        with load(f"http://{site.address}", "/health/live") as record:
            wait_for(lambda: authority.is_accepted(site), 120, "the first certificate")
            led = (308, f"https://{site.address}/a?b=1")
            location = f"http://{site.address}/a?b=1"
            answer = ask(location)
            assert (answer.status, answer.headers["Location"]) == led
        assert record.answered > 50
        assert record.failures == []
        first = authority.served(site)
        with load(f"https://{site.address}") as record:
            wait_for(lambda: authority.served(site) != first, 150, "the next certificate")
            wait_for(lambda: "renewed: " in site.journal(UNIT)[-2000:], 60, "the end of it")
        assert record.answered > 200
        assert record.failures == []
        assert authority.is_accepted(site)
        assert "https://" in site.type(f"{PROJECT}/run status")


def test_embedded_mode_takes_the_next_one_too(site: Machine) -> None:
    file = site.root / PROJECT.relative_to("/") / ".env"
    before = file.read_text("utf-8")
    file.write_text(f"{before}MODE=embedded\n", "utf-8")
    site.type(f"systemctl restart {UNIT}")
    first = authority.served(site)
    with authority.running(site), load(f"https://{site.address}", keep=0) as record:
        wait_for(lambda: authority.served(site) != first, 150, "the next certificate")
        assert authority.is_accepted(site)
    assert record.answered > 50
    assert record.failures == []
    file.write_text(before, "utf-8")
    site.type(f"systemctl restart {UNIT}")


def test_a_reboot_keeps_it(site: Machine) -> None:
    site.reboot()
    assert ask(f"http://{site.address}/").status == 308
    keys = site.type(f"find {PROJECT}/var/https -name 'privkey.pem' -printf '%M %u '").split()
    assert set(zip(keys[::2], keys[1::2], strict=True)) == {("-rw-------", "hello-flask")}
