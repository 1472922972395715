"""``make release``: checks that what is committed can be released, and says how to release it.

It changes nothing and publishes nothing: the tag does that, through .github/workflows/release.yml.
Makefile builds the documentation before, and runs the tests that compare the wheel with the source.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SOURCE = "src/flask_modwsgi/__init__.py"
# https://semver.org/, without what a release does not have
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def git(*words: str) -> str:
    """What git prints."""
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def written_version(root: Path) -> str:
    """The version of the package; empty where it is not written as one string."""
    found = re.findall(r'^__version__ = "(.+)"$', (root / SOURCE).read_text("utf-8"), re.MULTILINE)
    return found[0] if len(found) == 1 else ""


def of_version(root: Path) -> Iterator[str]:
    """What is wrong with the version, and with the places that must not repeat it."""
    version = written_version(root)
    if not VERSION.fullmatch(version):
        yield f"{SOURCE} has the version {version!r}, which is not of the form 1.2.3."
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    if "version" in project or "version" not in project.get("dynamic", ()):
        yield f"pyproject.toml repeats the version; it is written in {SOURCE} only."


def of_changelog(root: Path) -> Iterator[str]:
    """What is wrong with CHANGELOG.md (https://keepachangelog.com/en/1.1.0/)."""
    version = written_version(root)
    text = (root / "CHANGELOG.md").read_text("utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    unreleased = [part for part in sections if part.startswith("[Unreleased]")]
    if any(re.search(r"^- ", part, re.MULTILINE) for part in unreleased):
        yield f"CHANGELOG.md has entries under [Unreleased]; move them to [{version}]."
    own = [part for part in sections if part.startswith(f"[{version}]")]
    if not own:
        yield f"CHANGELOG.md has no section '## [{version}] - DATE'."
        return
    if not re.match(r"\[[\d.]+\] - \d{4}-\d\d-\d\d\n", own[0]):
        yield f"The section [{version}] of CHANGELOG.md has no date such as 2026-01-31."
    if not re.search(r"^- ", own[0], re.MULTILINE):
        yield f"The section [{version}] of CHANGELOG.md has no entry."


def of_guide(root: Path) -> Iterator[str]:
    """Whether the page for those who update tells what this version asks of them."""
    version = written_version(root)
    if f"\n## {version}\n" not in (root / "docs/updating.md").read_text("utf-8"):
        yield f"docs/updating.md has no section '## {version}': what the version asks of a project."


def of_repository(version: str) -> Iterator[str]:
    """Whether all is committed, and no other commit has the tag."""
    if git("status", "--porcelain"):
        yield "There are changes that are not committed: git status"
    tag = f"v{version}"
    if git("tag", "--list", tag) and git("rev-list", "-1", tag) != git("rev-parse", "HEAD"):
        yield f"Another commit has the tag {tag}: raise the version in {SOURCE}."


def main() -> int:
    """Print what is wrong, or the commands that release."""
    version = written_version(ROOT)
    wrong = [*of_version(ROOT), *of_changelog(ROOT), *of_guide(ROOT), *of_repository(version)]
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    print(f"{version} can be released. To do it:\n")
    if not git("tag", "--list", f"v{version}"):
        print(f"  git tag --annotate --message {version} v{version}")
    print(f"  git push origin v{version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
