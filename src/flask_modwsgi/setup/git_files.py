"""What git is told of a project that `init` has added to: lines are added, and none is changed."""

from collections.abc import Iterable
from pathlib import Path

from ..machine import files
from .progress import say

IGNORED = (".env", ".venv", ".venv.*", "var/", "__pycache__/", "*.egg-info/")
# What git's own list for Python ignores, although the wheel belongs to the project.
KEPT = {"wheels/": "!wheels/", "*.whl": "!wheels/*.whl"}
# No shell reads `run` with the line ends that core.autocrlf makes; they would break a wheel.
ATTRIBUTES = ("/run text eol=lf", "*.whl binary")


def extend(root: Path) -> None:
    """Add to ``.gitignore`` and ``.gitattributes`` what they lack."""
    before = _lines(root / ".gitignore")
    own = () if (root / "instance").exists() else ("instance",)  # what setup makes
    kept = [keep for pattern, keep in KEPT.items() if pattern in before]
    _add(root / ".gitignore", [*IGNORED, *own, *kept], " ")
    _add(root / ".gitattributes", ATTRIBUTES, ", ")


def _lines(file: Path) -> list[str]:
    return files.source(file).decode(errors="replace").splitlines() if file.exists() else []


def _add(file: Path, wanted: Iterable[str], joiner: str) -> None:
    before = _lines(file)
    missing = [line for line in wanted if line not in before]
    if not missing:
        say("kept", file.name)
        return
    content = files.source(file) if file.exists() else b""
    gap = "" if content.endswith(b"\n") or not content else "\n"
    file.write_bytes(content + (gap + "\n".join([*missing, ""])).encode())
    say("wrote", f"{file.name}: {joiner.join(missing)}")
