"""What is served after a verb that failed."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ..apache import processes, state
from ..config.project import Project
from ..machine.process_table import Process
from .messages import say


@dataclass(frozen=True)
class _Server:
    apache: Process
    workers: frozenset[Process]
    address: str


@contextmanager
def told(project: Project) -> Iterator[None]:
    """Where what is done here fails, and a server ran or runs, a line says what is served now."""
    before = None
    with suppress(OSError):  # what is done will tell of it
        before = _server(project)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            if line := _line(before, _server(project)):
                say(line)
        raise


def _server(project: Project) -> _Server | None:
    root = state.root(project)
    parent = processes.apache(root)
    if parent is None:
        return None
    return _Server(parent, frozenset(processes.workers(root)), state.read(root).address)


def _line(before: _Server | None, now: _Server | None) -> str:
    if now is None:
        return "nothing is served now" if before else ""
    how = "serves as before" if now == before else "runs"
    return f"process {now.apache.pid} {how}" + (f" at {now.address}/" if now.address else "")
