"""What git is told of a project that `init` has added to: lines are added, and none is changed."""

from collections.abc import Iterable
from pathlib import Path

from ..machine import files
from .progress import say

# As in the template, so that a generated project has them.
IGNORED = (".env", ".venv*", "var/", "__pycache__/", "*.egg-info/")
# What git's own list for Python ignores, although the wheel belongs to the project.
KEPT = {"wheels/": "!wheels/", "*.whl": "!wheels/*.whl"}
# No shell reads `run` with the line ends that core.autocrlf makes; they would break a wheel.
ATTRIBUTES = ("/run text eol=lf", "*.whl binary")


def extend(root: Path) -> None:
    """Add to ``.gitignore`` and ``.gitattributes`` what they lack."""
    ignore, attributes = root / ".gitignore", root / ".gitattributes"
    before = _content(ignore)
    own = () if (root / "instance").exists() else ("instance",)  # what setup makes
    kept = [keep for pattern, keep in KEPT.items() if pattern in _lines(before)]
    _add(ignore, before, [*IGNORED, *own, *kept], " ")
    _add(attributes, _content(attributes), ATTRIBUTES, ", ")


def _content(file: Path) -> bytes:
    return files.source(file) if file.exists() else b""


def _lines(content: bytes) -> list[str]:
    return content.decode(errors="replace").splitlines()


def _add(file: Path, content: bytes, wanted: Iterable[str], joiner: str) -> None:
    """Add the lines that `content`, which the file has, lacks."""
    before = _lines(content)
    missing = [line for line in wanted if line not in before]
    if not missing:
        say("kept", file.name)
        return
    gap = "" if content.endswith(b"\n") or not content else "\n"
    file.write_bytes(content + (gap + "\n".join([*missing, ""])).encode())
    say("wrote", f"{file.name}: {joiner.join(missing)}")
