"""Reads log files as a careful program does: strictly, and while they are put aside."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from flask_modwsgi.logs.reader import generations


def strict(line: bytes) -> dict[str, Any]:
    """Parse a line of JSON as the standard defines it, which has no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON: {line!r}")

    found = json.loads(line.decode("utf-8"), parse_constant=refuse)
    assert isinstance(found, dict), line
    assert datetime.fromisoformat(found["time"]).tzinfo, line
    return found


def contents(path: Path) -> list[bytes]:
    """All whole lines of a log and of what was put aside of it, the oldest first."""
    files = []
    for stream in generations(path):
        with stream:
            files.append(stream.read())
    # A reader may come in the middle of a write.
    return b"".join(reversed(files)).rpartition(b"\n")[0].splitlines()
