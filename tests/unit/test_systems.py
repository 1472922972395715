"""How packages are installed on each family of systems."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from flask_modwsgi import problems
from flask_modwsgi.problems import systems
from flask_modwsgi.problems.catalogue import CATALOGUE

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


@pytest.mark.parametrize(
    ("installed", "file", "command"),
    [
        ("uv", "requirements.txt", systems.COMPILE),
        ("pip-compile", "requirements.txt", systems.COMPILE_WITH_PIP_TOOLS),
        ("uv", "requirements-dev.txt", systems.COMPILE_TOOLS),
    ],
)
def test_the_hashes_of_a_package_are_compiled_again(
    installed: str, file: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both tools keep those of a package that is in the file, unless they are to upgrade it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: name if name == installed else None)
    told = problems.hash_mismatch(f"Installing {file}", "pluggy==1.5.0")
    assert told.what.startswith(f"Installing {file} failed")
    assert told.remedy == (f"{command} --upgrade-package pluggy && ./run setup",)


def test_a_hash_of_our_own_is_tried_with_the_index_it_is_of() -> None:
    """Extra indexes stay, which the settings of pip and uv may name in many places."""
    told = problems.hash_mismatch("Installing mod_wsgi", "mod_wsgi==6.1.0")
    assert "no other index" not in told.why
    assert told.why.endswith("look for extra indexes in pip.conf, uv.toml and the environment.")
    assert "pypi.org" in told.remedy[1] and "pypi.org" not in told.remedy[0]


def test_only_uv_compiles_the_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "pip-compile" else None)
    told = problems.hash_mismatch("Installing requirements-dev.txt", "pluggy==1.5.0")
    assert f" && var/uv/bin/{systems.COMPILE_TOOLS} --upgrade-package pluggy " in told.remedy[0]


def test_a_hash_that_is_written_by_hand_is_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "requirements.txt").write_text("-r shared.txt\n")
    told = problems.hash_mismatch("Installing requirements.txt", "pluggy==1.5.0")
    assert told.remedy == ("${EDITOR:-vi} requirements.txt && ./run setup",)


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


@pytest.mark.parametrize("tools", ["system", "busybox"])
def test_code_is_found_with_any_grep(
    tools: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tools == "busybox":
        found = shutil.which(tools)
        if not found:
            pytest.skip("busybox is not installed; on Debian: apt-get install busybox")
        programs = tmp_path / "programs"
        programs.mkdir()
        for name in ("find", "grep"):
            (programs / name).symlink_to(found)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    for folder in ("shop", "var"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app 1.py").write_text("import os\nos.kill(1, 9)\n", "utf-8")
    (tmp_path / "shop" / "notes.txt").write_text("os.kill", "utf-8")
    (command,) = problems.killed(1, "ended").remedy
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "./shop/app 1.py:2:os.kill(1, 9)\n"), done.stderr


def test_no_command_needs_a_grep_of_gnu() -> None:
    assert not [line for make in CATALOGUE for line in make().remedy if "--include" in line]
