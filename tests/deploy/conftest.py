"""What the tests of deployment need of this computer; without it they are skipped."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Baked

from . import guide, held, images, machines, tools
from .images import Images
from .machines import Machine

# Programs and the packages of Debian that have them, where the names differ.
PACKAGES = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "systemd-analyze": "systemd",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}
UNIT = "hello-flask"
PROJECT = Path("/var/www/hello-flask")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(*programs): skip the test where one of these is not installed"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one worker of pytest-xdist, and files that share a machine or images.

    Their group has the names of the files, because pytest-xdist joins all that a test is marked with, and
    the hook of the folder above marks some with the name of the file.
    """
    own = [item for item in items if item.path.parent == Path(__file__).parent]
    for item in own:
        item.add_marker(pytest.mark.xdist_group(item.path.stem))
    for shared in ("bare", "store"):
        users = {item.path for item in own if shared in getattr(item, "fixturenames", ())}
        for item in own:
            if item.path in users:
                for path in users:
                    item.add_marker(pytest.mark.xdist_group(path.stem))


def pytest_runtest_setup(item: pytest.Item) -> None:
    needed = [program for mark in item.iter_markers("needs") for program in mark.args]
    require(*needed)


def require(*programs: str) -> None:
    """Skip the test where one of these is not installed."""
    if missing := [program for program in programs if not shutil.which(program)]:
        packages = " ".join(dict.fromkeys(PACKAGES.get(name, name) for name in missing))
        tools.missing(", ".join(missing), packages)


@pytest.fixture(scope="session")
def store(common: Path) -> Iterator[Images]:
    """The images that tests build."""
    require(*images.PROGRAMS)
    with images.store(common / "images") as store:
        yield store


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A folder for the files of machines, removed in the end."""
    if os.geteuid() != 0:
        pytest.skip("only root boots a machine: sudo make test-deploy")
    require(*machines.PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="fmw-deploy-") as folder:
        yield Path(folder)


def put_repository(machine: Machine, project: Baked) -> None:
    """Put a repository with the project where the machine may clone it from."""
    folder = machine.root / "srv/hello-flask"
    shutil.copytree(project.path, folder, symlinks=True)
    views = folder / "hello_flask/views.py"
    views.write_text(views.read_text("utf-8") + held.VIEW, "utf-8")
    own = ("-c", "user.name=You", "-c", "user.email=you@example.com", "-C", str(folder))
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "My site"]):
        subprocess.run(["git", *own, *words], check=True)
    machine.type("chown -R root: /srv/hello-flask")


@pytest.fixture(scope="session")
def bare(workshop: Path, defaults: Baked) -> Iterator[Machine]:
    """A Debian 13 as it is installed, and a repository with a project that it may clone."""
    with machines.machine("fmwhost", 11, workshop / "bare", machines.base()) as machine:
        put_repository(machine, defaults)
        yield machine


@pytest.fixture(scope="session")
def host(bare: Machine) -> Machine:
    """The machine, which serves the project on port 80."""
    for line, _ in guide.typed("Six commands"):
        if "HTTPS_" not in line:
            bare.type(line, timeout=600)
    return bare


@pytest.fixture(autouse=True)
def starts_of_other_tests(request: pytest.FixtureRequest) -> None:
    """Forgotten, because the unit allows five starts in a minute."""
    if "bare" in request.fixturenames:
        request.getfixturevalue("bare").call("systemctl", "reset-failed", UNIT)
