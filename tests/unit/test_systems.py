"""How packages are installed on each family of systems."""

import shutil
from pathlib import Path

import pytest

from flask_modwsgi import problems
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


@pytest.mark.parametrize(
    ("installed", "begins"),
    [
        ({"uv", "pip-compile"}, "uv pip compile "),
        ({"pip-compile"}, "pip-compile "),
        (
            set(),
            "python3 -m venv var/uv && var/uv/bin/pip install uv && var/uv/bin/uv pip compile ",
        ),
    ],
)
def test_packages_are_compiled_with_what_there_is(
    installed: set[str], begins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: name if name in installed else None)
    told = problems.package_missing("yaml", "")
    assert "dependencies in pyproject.toml" in told.why
    assert told.remedy == (f"{systems.compiler()} && ./run setup",)
    assert told.remedy[0].startswith(begins)


def test_a_file_that_is_written_by_hand_is_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a compiler makes of pyproject.toml would take its place."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "requirements.txt"
    file.write_text("Flask\nrequests==2.32.3  # as the other services\n")
    told = problems.package_missing("yaml", "")
    assert "to requirements.txt (" in told.why
    assert told.remedy == ("${EDITOR:-vi} requirements.txt && ./run setup",)
    file.write_text("Flask==3.1.3 \\\n    --hash=sha256:00\n")
    assert "pip compile" in problems.package_missing("yaml", "").remedy[0]
