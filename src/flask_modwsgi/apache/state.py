"""What is remembered of a server from its start to its end, and where; found again by any verb."""

import contextlib
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..config.project import Project
from ..problems.problem import Problem
from . import server_root


def root(project: Project) -> Path:
    """The server root of the server that serves this project."""
    return server_root.choose(project, "apache")


def write(root: Path, facts: Mapping[str, Any]) -> None:
    """Remember the start of the server with this server root."""
    (root / "site.json").write_text(json.dumps(facts), encoding="utf-8")


def read(root: Path) -> dict[str, Any]:
    """What was remembered at the start; empty if that is lost."""
    try:
        found: dict[str, Any] = json.loads((root / "site.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def remember_environments(root: Path, environments: Iterable[Path]) -> None:
    """Remember from which Python environments the server's processes run, Apache's own first."""
    if facts := read(root):
        unique = list(dict.fromkeys(map(str, environments)))
        write(root, facts | {"environments": unique})


def mark_stopped(root: Path, because: Problem | None = None) -> None:
    """Remember that it was stopped on purpose; without that, it died.

    :param because: Why it was not a user who stopped it.
    """
    if facts := read(root):
        facts |= {"because": because.as_dict()} if because else {}
        with contextlib.suppress(OSError):
            write(root, facts | {"stopped": time.time()})
