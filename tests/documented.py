"""Doing what a page of the documentation says: its files are written, its commands run."""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from serving import is_unreachable, patience

FILE = re.compile(r"(?:# |/\* |// |<!-- )(\S+\.\w+)")


class Block(NamedTuple):
    kind: str
    text: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in its order."""
    return [Block(*found) for found in re.findall(r"^```(\w*)\n((?:.*\n)*?)```$", page, re.M)]


def apply(file: Path, lines: list[str]) -> None:
    """Put the new lines in place of the old ones, which are there once; or make the file."""
    old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    before = file.read_text("utf-8") if old else ""
    assert not old or before.count(old) == 1, f"{file} has not once:\n{old}"
    assert old or not file.exists(), file
    file.write_text(before.replace(old, new) if old else new, "utf-8")


def follow(
    page: Iterable[Block],
    folder: Path,
    commands: str = "",
    others: Mapping[str, Callable[[str], None]] | None = None,
    **env: str,
) -> None:
    """Do in `folder` what the blocks say, one after the other.

    A block whose first line is a comment with a file name is that file, or diffs of it with empty
    lines between; ``sh`` is run by bash, after `commands`, and ``text`` is what it prints, without the
    lines between. `others` has a function for each further kind.
    """
    printed = ""
    for kind, text in page:
        if kind == "sh":
            printed = shell(folder, commands, text, **env)
        elif kind == "text":
            rest = iter(printed.splitlines())
            missing = [line for line in text.splitlines() if line not in rest]
            assert not missing, f"{missing} is not in\n{printed}"
        elif others and kind in others:
            others[kind](text)
        else:
            write(folder, kind, text)


def shell(folder: Path, *commands: str, **env: str) -> str:
    """What commands print that all succeed; a test that cannot download something is skipped."""
    done = subprocess.run(
        ["bash", "-c", "\n".join(["shopt -s expand_aliases", "set -ex", *commands])],
        cwd=folder,
        env=os.environ | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500 * patience(),
    )
    output, last = done.stdout + done.stderr, done.stderr.rpartition("\n+ ")[2]
    if done.returncode != 0 and is_unreachable(last):
        pytest.skip("what it needs cannot be downloaded")
    assert done.returncode == 0, output
    return done.stdout


def write(folder: Path, kind: str, text: str) -> None:
    named = FILE.match(text)
    assert named, f"a block of {kind} names no file:\n{text}"
    file = folder / named[1]
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind == "diff":
        for hunk in text.partition("\n")[2].split("\n\n"):
            apply(file, hunk.splitlines())
    else:
        file.write_text(text, "utf-8")
