"""`make release`: what it refuses."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT

import release
from flask_modwsgi import __version__

FILES = ("CHANGELOG.md", "docs/updating.md", "pyproject.toml", release.SOURCE)
Check = Callable[[Path], Iterator[str]]


def test_what_is_here_has_one_version_and_is_described() -> None:
    assert release.written_version(ROOT) == __version__
    for check in (release.of_version, release.of_guide):
        assert list(check(ROOT)) == []
    # Between releases, changes are described under that heading.
    assert [told for told in release.of_changelog(ROOT) if "[Unreleased]" not in told] == []


SECTION = f"## [{__version__}] - "


@pytest.mark.parametrize(
    ("check", "file", "old", "new", "what"),
    [
        (release.of_version, release.SOURCE, '.0"', '.0.dev1"', "not of the form"),
        (release.of_version, "pyproject.toml", "dynamic", 'version = "1"\ndynamic', "repeats"),
        (release.of_changelog, "CHANGELOG.md", SECTION, "## [0.1.0] - ", "has no section"),
        (release.of_changelog, "CHANGELOG.md", SECTION, f"{SECTION}soon ", "has no date"),
        (release.of_changelog, "CHANGELOG.md", "\n- ", "\n* ", "has no entry"),
        (release.of_changelog, "CHANGELOG.md", "## [1", "## [Unreleased]\n\n- x\n\n## [1", "move"),
        (release.of_guide, "docs/updating.md", f"## {__version__}", "## 0.1.0", "has no section"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, check: Check, file: str, old: str, new: str, what: str
) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    text = (tmp_path / file).read_text("utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new), "utf-8")
    assert re.search(what, "\n".join(check(tmp_path)))


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ({"status": " M README.md\n"}, "not committed"),
        ({"tag": "v1.0.0\n", "rev-list": "1\n", "rev-parse": "2\n"}, "Another commit"),
        ({"tag": "v1.0.0\n", "rev-list": "1\n", "rev-parse": "1\n"}, ""),
        ({}, ""),
    ],
)
def test_what_of_the_repository(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], wrong: str
) -> None:
    monkeypatch.setattr(release, "git", lambda verb, *_: answers.get(verb, ""))
    told = "\n".join(release.of_repository("1.0.0"))
    assert wrong in told and bool(told) == bool(wrong)
