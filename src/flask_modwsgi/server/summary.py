"""What a server was started with, as text."""

from pathlib import Path

from ..apache import modes
from ..apache.state import State
from ..config.project import Project
from ..config.settings import Settings


def capacity(chosen: Settings, connections: int = 0) -> str:
    """How much it does at once, such as ``2 processes x 5 threads, 512 connections``.

    :param connections: See `modes.Mode.children`.
    """
    children, threads = modes.of(chosen.mode).children(chosen, connections)
    processes = "1 process" if chosen.processes == 1 else f"{chosen.processes} processes"
    own_threads = f"{chosen.threads} thread{'s' * (chosen.threads != 1)}"
    return f"{processes} x {own_threads}, {children * threads} connections"


def of(project: Project, root: Path, started: State) -> dict[str, str]:
    """A value for each label; empty if the record is lost or from another version.

    :param root: The server root.
    """
    try:
        chosen = Settings(**started.settings)
        how_much = capacity(chosen, started.connections)
    except (TypeError, ValueError):
        return {}
    return {
        "Capacity": f"{how_much}, {chosen.mode} mode",
        "Limits": f"request {chosen.request_limit} s, start {chosen.start_limit} s,"
        f" stop {chosen.stop_limit} s, upload {chosen.max_upload_mb} MB",
        "User": started.user,
        "Logs": project.shown(Path(started.logs)) if started.logs else "the terminal",
        "Root": project.shown(root),
        "Apache": project.shown(root / "httpd.conf"),
    }
