"""docs/deploy.md, typed line by line into a bare Debian 13."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Baked
from load import load
from serving import ask, wait_for

from . import authority, guide, machines
from .conftest import PROJECT, UNIT, put_repository
from .machines import Machine

STATUS = f"{PROJECT}/run status"
# A line about what failed may name the authority's address.
HTTPS = re.compile(r"^Address\s+https://", re.MULTILINE)


@pytest.fixture(scope="module")
def fresh(workshop: Path, defaults: Baked) -> Iterator[Machine]:
    """A bare machine, an authority that it trusts, and the repository of a project."""
    with machines.machine("fmwfresh", 12, workshop / "fresh", machines.base()) as machine:
        put_repository(machine, defaults)
        machine.type("apt-get update")
        authority.install(machine, 90 * 86400)
        with authority.running(machine):
            yield machine


def test_six_commands_lead_to_a_site_with_https(fresh: Machine) -> None:
    commands = guide.typed("Six commands")
    assert len([line for line, _ in commands if line != STATUS]) <= 6
    for line, shown in commands:
        if ".env" in line:  # the authority that is asked here is another one
            line += f"; echo HTTPS_AUTHORITY={authority.DIRECTORY} >> {PROJECT}/.env"
        if line == STATUS:
            wait_for(lambda: HTTPS.search(fresh.type(STATUS)), 60, "the certificate")
        printed = guide.shape(fresh.type(line, timeout=600))
        assert [one for one in shown if one not in printed] == [], (line, printed)
    assert authority.is_accepted(fresh)
    assert ask(f"http://{fresh.address}/").headers["Location"] == f"https://{fresh.address}/"


def test_the_site_survives_a_reboot(fresh: Machine) -> None:
    fresh.reboot()
    assert ask(f"http://{fresh.address}/").status == 308
    with load(f"https://{fresh.address}") as record:
        wait_for(lambda: record.answered > 20, 20, "answers")
    assert record.failures == []


def test_a_new_version_and_the_way_back_lose_no_request(fresh: Machine) -> None:
    source = fresh.root / "srv/hello-flask"
    views = source / "hello_flask/views.py"
    views.write_text(
        f'{views.read_text()}\n\n@bp.get("/new")\ndef new() -> str:\n    return "new"\n'
    )
    own = ("-c", "user.name=You", "-c", "user.email=you@example.com", "-C", str(source))
    subprocess.run(["git", *own, "commit", "-q", "-a", "-m", "New"], check=True)

    def has_new() -> bool:
        return fresh.call("curl", "-skf", "https://127.0.0.1/new").stdout == "new"

    assert not has_new()
    with load(f"https://{fresh.address}") as record:
        update, versions, back = (line for line, _ in guide.typed("A new version, and back"))
        fresh.type(update, timeout=120)
        assert has_new()
        newest, before = (line.split()[0] for line in fresh.type(versions).splitlines()[:2])
        fresh.type(update, timeout=120)  # with nothing new
        for commit in (before, before):
            fresh.type(back.replace("COMMIT", commit), timeout=120)
            assert not has_new()
        fresh.type(back.replace("COMMIT", newest), timeout=120)
        assert has_new()
    assert record.answered > 50
    assert record.failures == []


def test_nothing_is_left_in_the_end(fresh: Machine) -> None:
    for line, _ in guide.typed("Remove it"):
        fresh.type(line)
    assert fresh.call("ls", PROJECT).returncode != 0
    assert fresh.call("systemctl", "cat", UNIT).returncode != 0
    assert fresh.type("find / -xdev -user 999 -o -nouser 2>/dev/null || true").strip() == ""
