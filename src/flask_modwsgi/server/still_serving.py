"""What is served after a verb that failed."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ..apache import processes, state
from ..config.project import Project
from ..machine.process_table import Process
from ..terminal import printable
from .messages import say


@dataclass(frozen=True)
class _Server:
    apache: Process
    workers: frozenset[Process]
    address: str
    is_stopping: bool


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
    recorded = state.read(root)
    is_stopping = bool(recorded.stopped)
    return _Server(parent, frozenset(processes.workers(root)), recorded.address, is_stopping)


def _line(before: _Server | None, now: _Server | None) -> str:
    if now is None:
        return "nothing is served now" if before else ""
    if now.is_stopping:
        return f"process {now.apache.pid} is being stopped, and takes no new requests"
    how = "serves as before" if now == before else "runs"
    # The record may be of a user whom root does not trust.
    where = f" at {printable(now.address)}/" if now.address else ""
    return f"process {now.apache.pid} {how}{where}"
