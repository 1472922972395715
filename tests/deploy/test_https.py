"""HTTPS by HTTPS_NAMES, under the service: the first certificate, and the next ones under load."""

import ast
import re
from collections.abc import Iterator

import pytest
from conftest import ROOT
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
SOON = OFTEN.replace("</If", "MDRenewWindow 80%\n</If")  # after a fifth of its lifetime


def test_the_page_tells_what_tests_allow() -> None:
    page = (ROOT / "docs/guide/https.md").read_text("utf-8")
    table = page.split("| renewal | test | failed requests |\n")[1].split("\n\n")[0]
    rows = re.findall(r"^\| .+ \| `(\w+\.py)::(\w+)` \| (\d+) \|$", table, re.MULTILINE)
    assert len(rows) == len(table.splitlines()) - 1
    for name, function, failed in rows:
        (file,) = (ROOT / "tests").glob(f"*/{name}")
        text = file.read_text("utf-8")
        (found,) = (
            ast.get_source_segment(text, node)
            for node in ast.parse(text).body
            if isinstance(node, ast.FunctionDef) and node.name == function
        )
        assert found and re.search(r"^    +assert .*failures.* == \[\]$", found, re.MULTILINE)
        assert failed == "0"


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
        return "Apache does not have the certificate" in status and "attempt" in status

    wait_for(told, 30, "the failed attempt in ./run status")
    assert "Apache does not have" in site.type(f"{PROJECT}/run doctor")
    site.wait_for_journal("Apache does not have", UNIT)
    site.wait_for_journal("localhost:14000", UNIT, "-p", "3")


def test_the_first_certificate_and_the_next_one_lose_no_request(site: Machine) -> None:
    before = site.journal(UNIT).count("renewed: ")  # for other tests
    with authority.running(site):
        with load(f"http://{site.address}", "/health/live") as record:
            wait_for(lambda: authority.is_accepted(site), 120, "the first certificate")
            led = (308, f"https://{site.address}/a?b=1")
            location = f"http://{site.address}/a?b=1"
            answer = ask(location)
            assert (answer.status, answer.headers["Location"]) == led
        assert record.answered > 50
        assert record.failures == []
        wait_for(lambda: site.journal(UNIT).count("renewed: ") > before, 60, "the end of the first")
        first, renewals = authority.served(site), site.journal(UNIT).count("renewed: ")
        with load(f"https://{site.address}") as record:
            wait_for(lambda: authority.served(site) != first, 150, "the next certificate")
            wait_for(lambda: site.journal(UNIT).count("renewed: ") > renewals, 60, "the end of it")
        assert record.answered > 200
        assert record.failures == []
        assert authority.is_accepted(site)
        served = re.compile(r"^Address\s+https://", re.MULTILINE)  # an error may name one, too
        wait_for(lambda: served.search(site.type(f"{PROJECT}/run status")), 30, "its address")


def test_embedded_mode_takes_the_next_one_too(site: Machine) -> None:
    folder = site.root / PROJECT.relative_to("/")
    before = (folder / ".env").read_text("utf-8")
    (folder / ".env").write_text(f"{before}MODE=embedded\n", "utf-8")
    (folder / "own.conf").write_text(SOON, "utf-8")
    try:
        with authority.running(site):
            site.type(f"systemctl restart {UNIT}")
            first = authority.served(site)
            with load(f"https://{site.address}", keep=0) as record:
                wait_for(lambda: authority.served(site) != first, 150, "the next certificate")
                assert authority.is_accepted(site)
                wait_for(lambda: record.answered > 50, 30, "answers")
        assert record.failures == []
    finally:
        (folder / ".env").write_text(before, "utf-8")
        (folder / "own.conf").write_text(OFTEN, "utf-8")
        site.type(f"systemctl restart {UNIT}")


def test_a_reboot_keeps_it(site: Machine) -> None:
    site.reboot()
    assert ask(f"http://{site.address}/").status == 308
    keys = site.type(f"find {PROJECT}/var/https -name 'privkey.pem' -printf '%M %u '").split()
    assert set(zip(keys[::2], keys[1::2], strict=True)) == {("-rw-------", "hello-flask")}


def test_root_without_a_service_takes_them_too(site: Machine) -> None:
    """Apache's processes get them as the account, and what root started serves them."""
    forget = f"rm -rf {PROJECT}/var/https {PROJECT}/var/apache"  # another user's files
    site.type(f"systemctl stop {UNIT}; {forget}")
    (site.root / PROJECT.relative_to("/") / "own.conf").write_text(SOON, "utf-8")
    serve = f"{PROJECT}/run serve --host 0.0.0.0 --port 80 --https-port 443"
    with authority.running(site):
        site.type(f"systemd-run --unit own --property KillMode=mixed {serve}")
        try:
            wait_for(lambda: authority.is_accepted(site), 120, "the first certificate")
            wait_for(lambda: "renewed: " in site.journal("own"), 60, "the end of the first")
            first, renewals = authority.served(site), site.journal("own").count("renewed: ")
            with load(f"https://{site.address}") as record:
                wait_for(lambda: authority.served(site) != first, 150, "the next certificate")
                wait_for(
                    lambda: site.journal("own").count("renewed: ") > renewals, 60, "the end of it"
                )
            assert record.answered > 50
            assert record.failures == []
            assert authority.is_accepted(site)
            keys = site.type(f"find {PROJECT}/var/https/domains -name privkey.pem -printf '%M %u'")
            assert keys == "-rw------- root"
        finally:
            site.type(f"systemctl stop own; {forget}; systemctl start {UNIT}")
