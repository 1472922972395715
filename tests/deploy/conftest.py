"""What the tests of deployment need of the machine; without it they are skipped."""

import shutil

import pytest

# Programs and the packages of Debian that have them, where the names differ.
PACKAGES = {"systemd-analyze": "systemd", "systemd-nspawn": "systemd-container"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(*programs): skip the test where one of these is not installed"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    needed = [program for mark in item.iter_markers("needs") for program in mark.args]
    if missing := [program for program in needed if not shutil.which(program)]:
        packages = " ".join(dict.fromkeys(PACKAGES.get(name, name) for name in missing))
        pytest.skip(f"{', '.join(missing)} not installed: apt-get install {packages}")
