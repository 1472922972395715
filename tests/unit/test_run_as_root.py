"""What `run` tells root to type where another user has prepared something, typed as it is printed."""

import os
import shlex
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import TEMPLATE
from samples import project

NOBODY = 65534
NAMELESS = 54399
REBUILD = "mv .venv .venv.$(date +%s) && ./run setup"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A project of root."""
    root = project(tmp_path / "blog").root
    shutil.copy(TEMPLATE / "run", root)
    (root / "wheels").mkdir()
    (root / "wheels" / "flask_modwsgi-1-py3-none-any.whl").touch()
    return root


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """That of another user, with a Python and a wheel that leave something behind."""
    folder = tmp_path / "home"
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/executed\n")
    python.chmod(0o777)
    wheel = folder / "flask_modwsgi-9-py3-none-any.whl" / "flask_modwsgi"
    wheel.mkdir(parents=True)
    (wheel / "__main__.py").write_text(f"open('{tmp_path}/executed', 'w')\n")
    wheel.chmod(0o777)
    subprocess.run(["chown", "-Rh", f"{NOBODY}:{NOBODY}", folder], check=True)
    return folder


@pytest.fixture(params=["sh", "busybox sh", "bash --posix"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    """The commands that run `run`."""
    words: list[str] = request.param.split()
    if not shutil.which(words[0]):
        pytest.skip(f"install {words[0]}")
    return words


def linked(link: Path, target: str | Path, owner: int = NOBODY) -> None:
    """Make a link that belongs to another user."""
    link.symlink_to(target)
    os.chown(link, owner, owner, follow_symlinks=False)


def refusal(own: Path, *words: str, shell: list[str] | None = None) -> str:
    """What `run` says on standard error."""
    run = [*(shell or ["sh"]), str(own / "run"), *words]
    return subprocess.run(run, capture_output=True, text=True, timeout=120).stderr


def remedy(said: str) -> str:
    """The command in a refusal."""
    assert said.startswith("Problem  project-untrusted\n"), said
    return said.splitlines()[2].removeprefix("Type").strip()


def remedies(own: Path, shell: list[str]) -> Iterator[str]:
    """The commands that are printed until root is not refused, each of them typed."""
    for _ in range(9):
        if "project-untrusted" not in (said := refusal(own, "status", shell=shell)):
            return
        yield remedy(said)
        subprocess.run(["sh", "-c", remedy(said)], cwd=own, capture_output=True)
    pytest.fail(said)


def everything(folder: Path) -> dict[Path, tuple[int, int]]:
    """The owner and the mode of all that is in a folder."""
    found = ((path, path.lstat()) for path in (folder, *folder.rglob("*")))
    return {path: (status.st_uid, status.st_mode) for path, status in found}


@pytest.mark.parametrize("name", [".venv", "wheels", "var"])
def test_the_home_of_another_user_stays_theirs(
    own: Path, home: Path, shell: list[str], name: str
) -> None:
    """Where they put a link to it into a project that everyone could write to."""
    own.chmod(0o777)
    shutil.rmtree(own / name, ignore_errors=True)
    linked(own / name, home)
    before = everything(home)
    typed = []
    for command in remedies(own, shell):
        typed.append(command)
        if name == "var" and len(typed) == 2:  # what it has, only people know
            assert command == f"ls -ld {own}/var"
            break
        assert len(typed) < 4
    assert typed[0] == f"chown -h root: {own} && chmod go-w {own}"
    assert everything(home) == before
    assert not (own.parent / "executed").exists()


@pytest.mark.parametrize("target", ["/", "/usr"])
def test_an_environment_outside_is_not_looked_into(
    own: Path, shell: list[str], target: str
) -> None:
    link = own / ".venv"
    reasons = {NOBODY: f"others can change {link}", 0: f"{link} leads out of it"}
    for owner, reason in reasons.items():
        linked(link, target, owner)
        said = refusal(own, "start", shell=shell)
        assert f"Root does not run this project: {reason}.\n" in said
        assert remedy(said) == REBUILD
        subprocess.run(["sh", "-c", remedy(said)], cwd=own, capture_output=True)
        assert not link.is_symlink()
        (aside,) = own.glob(".venv.*")
        assert aside.readlink() == Path(target)
        aside.unlink()


def test_an_environment_in_a_shared_var_is_roots(own: Path, shell: list[str]) -> None:
    """As that of a release."""
    python = own.parent / "shared" / "env" / "1" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho it runs\n")
    python.chmod(0o755)
    (own / "var").symlink_to("../shared")
    (own / ".venv").symlink_to("var/env/1")
    assert refusal(own, "status", shell=shell) == ""
    os.chown(own.parent / "shared", NOBODY, NOBODY)
    assert remedy(refusal(own, "status", shell=shell)) == f"ls -ld {own}/../shared"


def test_a_wheel_of_another_user_is_put_aside(own: Path, home: Path, shell: list[str]) -> None:
    """Root would run it, whoever owns it afterwards; the environment has the package, too."""
    (planted,) = home.glob("*.whl")
    shutil.copytree(planted, own / "wheels" / planted.name)
    os.chown(own / "wheels" / planted.name, NOBODY, NOBODY)
    script = own / ".venv" / "bin" / "flask-modwsgi"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\necho "$@" >{own.parent}/called\n')
    script.chmod(0o755)
    assert len(list(remedies(own, shell))) == 1
    assert (own.parent / "called").read_text() == "init\n"
    assert not (own / "wheels").exists()
    (aside,) = own.glob("wheels.*")
    assert (aside / planted.name).is_dir()
    assert not (own.parent / "executed").exists()


@pytest.mark.parametrize("in_git", [True, False])
def test_the_only_wheel_is_not_lost(own: Path, shell: list[str], in_git: bool) -> None:
    """Of a project without an environment; git gives root the wheel that was committed."""
    (wheel,) = (own / "wheels").iterdir()

    def leaves(name: str) -> None:
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("flask_modwsgi/__main__.py", f"open('{own.parent}/{name}', 'w')\n")

    leaves("roots")
    if in_git:
        author = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        for words in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "All"]):
            subprocess.run(["git", *words], cwd=own, check=True)
    leaves("executed")
    os.chown(wheel, NOBODY, NOBODY)
    theirs = wheel.read_bytes()
    assert list(remedies(own, shell)) == [
        "umask 022 && mv wheels wheels.$(date +%s) && git checkout -- wheels && ./run setup"
    ]
    assert (own.parent / "roots").exists() == in_git
    assert not (own.parent / "executed").exists()
    (aside,) = own.glob("wheels.*")
    assert (aside / wheel.name).read_bytes() == theirs


NAMES = [
    "x;touch PWNED;y",
    "it's $(touch PWNED)`touch PWNED`",
    "a b;touch PWNED",
    '"\\033 \\',
    "\\c",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_a_command(own: Path, home: Path, shell: list[str], name: str) -> None:
    above = own.parent / name
    above.mkdir()
    moved = own.rename(above / "it's")
    os.chown(above, NOBODY, NOBODY)
    said = refusal(moved, "start", shell=shell)
    words = ["mv", str(moved), "/srv/", "&&", "/srv/it's/run", "setup"]
    assert shlex.split(remedy(said)) == words
    assert f"others can change {shlex.quote(str(above))}." in said.replace("'\\''", "'\"'\"'")
    os.chown(above, 0, 0)
    (moved / "wheels" / name).touch()
    (moved / "wheels" / name).chmod(0o777)
    assert len(list(remedies(moved, shell))) == 1
    assert not [*own.parent.rglob("PWNED")]


@pytest.mark.parametrize(
    "words", [("exec", "sh", "-c", "id -un && touch /Q"), ("exec", "a'b", "", "-x", "\\n $HOME")]
)
def test_the_words_of_root_are_printed_as_words(
    own: Path, shell: list[str], words: tuple[str, ...]
) -> None:
    os.chown(own, NOBODY, NOBODY)
    command = remedy(refusal(own, *words, shell=shell))
    assert shlex.split(command)[-len(words) - 1 :] == ["./run", *words]


def test_no_control_character_reaches_the_terminal(own: Path, shell: list[str]) -> None:
    above = own.parent / "a\x1b]0;owned\x07\x9b31m\n\rä"
    above.mkdir()
    moved = own.rename(above / own.name)
    os.chown(above, NOBODY, NOBODY)
    said = refusal(moved, "start", shell=shell)
    assert len(said.splitlines()) == 3
    assert "a?]0;owned??31m??ä'." in said
    os.chown(own.parent / above.name, 0, 0)
    os.chown(moved, NOBODY, NOBODY)
    assert "\x1b" not in refusal(moved, "exec", "\x1b]0;owned\x07", shell=shell)


def test_an_owner_without_a_name_runs_it(shell: list[str]) -> None:
    if not shutil.which("setpriv"):
        pytest.skip("install setpriv, from util-linux")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        own = Path(folder) / "blog"
        (own / ".venv" / "bin").mkdir(parents=True)
        shutil.copy(TEMPLATE / "run", own)
        python = own / ".venv" / "bin" / "python"
        python.write_text('#!/bin/sh\n[ "$2" = -c ] || echo "$(id -u) $(id -G) $*"\n')
        python.chmod(0o755)
        subprocess.run(["chown", "-R", str(NAMELESS), folder], check=True)
        command = remedy(refusal(own, "exec", "a b", shell=shell))
        typed = subprocess.run(["sh", "-c", command], cwd=own, capture_output=True, text=True)
    assert typed.stdout.startswith(f"{NAMELESS} {NAMELESS} -I -X looked"), (command, typed)
    assert typed.stdout.endswith(" exec a b\n")
