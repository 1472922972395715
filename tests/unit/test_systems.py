"""How packages are installed on each family of systems."""

import pytest

from flask_modwsgi.problems import systems

OS_RELEASE = {
    "debian": ["ID=debian", "ID=ubuntu\nID_LIKE=debian", 'ID=linuxmint\nID_LIKE="ubuntu debian"'],
    "fedora": [
        "ID=fedora",
        'ID="rhel"\nID_LIKE="fedora"',
        'ID="rocky"\nID_LIKE="rhel centos fedora"',
    ],
    "alpine": ["ID=alpine"],
    "arch": ["ID=arch", "ID=manjaro\nID_LIKE=arch"],
    "suse": ['ID="opensuse-leap"\nID_LIKE="suse opensuse"'],
}


@pytest.mark.parametrize(
    ("family", "text"), [(name, text) for name, texts in OS_RELEASE.items() for text in texts]
)
def test_the_family_of_a_system(family: str, text: str) -> None:
    assert systems.family_of(text) == family


@pytest.mark.parametrize("family", [*OS_RELEASE, "macos"])
@pytest.mark.parametrize("need", ["system", "bundled", "python"])
def test_there_is_a_line_to_type_on_every_system(family: str, need: str) -> None:
    line = systems.install(need, on=family)
    assert "install" in line or "add" in line or "pacman -S" in line
    assert "python" in line or family == "macos"
