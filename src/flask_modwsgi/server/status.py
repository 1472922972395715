"""``./run status``: whether it runs, how busy it is, and the latest errors."""

import json
import os
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ..apache import processes, state
from ..apache.state import State
from ..config.project import Project
from ..config.settings import Settings
from ..logs import output, reader
from ..machine import accounts, process_table, trust
from ..machine.process_table import Process
from ..machine.times import clock, duration
from ..setup.commands import printed
from ..terminal import printable, wrapped
from ..tls import acme
from . import answers, health_summary, losses, probe, summary

# Exit statuses as monitoring knows them from init scripts (Linux Standard Base, iniscrptact).
EXIT_STATUSES = {"running": 0, "not answering": 1, "stopped": 3, "unknown": 4}
PROBE_LIMIT = 5.0  # seconds in which the application has to begin its answer
REPORT = {"time": float, "requests": int, "busy": int}  # what a process says of itself


def show(project: Project, as_json: bool) -> int:
    """Print it; the exit status is 0 when the application answers, 1 when not, 3 without Apache.

    It is 4 where another user started Apache, and this one may not know.
    """
    found = collect(project)
    print(json.dumps(found, indent=2) if as_json else as_text(found))
    return EXIT_STATUSES[found["state"]]


def collect(project: Project) -> dict[str, Any]:
    """The state of this project's server. Memory is in bytes, times in seconds."""
    root = state.root(project)
    parent = processes.apache(root)
    started = state.read(root)
    if parent is None and started.logs and not started.stopped:  # it may have ended just now
        output.wait_for_writer(started.logs, started.owner, 1)
    log, begins = reader.recent(project)
    start = parent.began - 1 if parent else started.started
    # Where the record is lost, what it logged at its start shows where it logs.
    has_log = bool(started.logs) or (parent is None and not started.started)
    if parent and not started.started:
        has_log = bool(health_summary.lately(parent, log, start))
    told_errors = {
        "errors": reader.last_errors(log, 3, start) if has_log else None,
        "errors_since": round(begins) if begins > start else None,  # None: since the start
    }
    wrong = health_summary.found(root, parent, started, log, begins)
    is_closed = parent is not None and not processes.can_be_seen(root)
    notes = [
        _others(parent) if parent and is_closed else started.fault,
        _other_release(project, started, parent),
        _awaited(project, started),
    ]
    if parent is None:
        told = list(filter(None, [*notes, losses.of_a_start(project)]))
        return {"state": "stopped", "trouble": wrong, "notes": told, **told_errors}
    asked, hosts = time.monotonic(), started.setting("hosts", "")
    answer = probe.ask(started.address, started.is_alive_at, hosts, PROBE_LIMIT)
    waited = time.monotonic() - asked
    if not is_closed:
        notes += losses.of_a_server(project, root, started, answer != 0)
    rows = [] if is_closed else reports(root, started.setting("threads", 0))
    silent = answers.why_silent(root) if not all(row["responds"] for row in rows) else ""
    notes += [f"process {pid} cannot load the application: {why}" for pid, why in unloaded(rows)]
    notes.append(silent)
    if answer == 0 and waited >= PROBE_LIMIT:
        notes.append(
            f"there was no answer from {started.address}{started.is_alive_at} within {PROBE_LIMIT:g} seconds;"
            " while the application is being loaded, it may need longer; ./run dump shows what it does"
        )
    # Of a process that could not load the application there is no report.
    responds = any(row["responds"] for row in rows) or silent
    is_up = 0 < answer < 500 or ((answer != 0 or not started.address) and responds)
    # In a loop an answer was luck: its process dies soon, like those before it.
    is_in_a_loop = wrong is not None and wrong["slug"] == "crash-loop"
    unless_up = "not answering" if started.address or rows else "unknown"
    return {
        "state": "running" if is_up and not is_in_a_loop else unless_up,
        "trouble": wrong,
        "notes": list(filter(None, notes)),
        "address": f"{started.address}/" if started.address else "unknown",
        "pid": parent.pid,
        # Rounded, because the kernel counts from the boot, whose time is computed anew each time.
        "since": round(parent.began),
        "uptime": round(time.time() - parent.began),
        "release": _release(Path(started.project or project.root)),
        "server": summary.of(project, root, started),
        "processes": rows,
        **told_errors,
    }


def _others(parent: Process) -> str:
    users = dict.fromkeys((accounts.by_id(parent.uid).user, "root"))
    return f"{next(iter(users))} started it; only {' and '.join(users)} may see more"


def _other_release(project: Project, started: State, parent: Process | None) -> str:
    """A note for operators whose releases have folders of their own."""
    if parent is None or not project.link:
        return ""
    if started.project != str(project.root):
        return f"{started.project} is served; ./run reload switches to {project.root}"
    if project.service != project.var:
        return (
            f"Apache needs {project.service.parent} until ./run restart; see Releases in the guide"
        )
    return ""


def _awaited(project: Project, started: State) -> str:
    """What HTTPS waits for."""
    try:
        return acme.awaited(project, Settings(**started.settings))
    except TypeError:  # it is lost, or of another version
        return ""


def _release(folder: Path) -> str:
    """The commit that is checked out there, or the name of the folder.

    Where others can change the repository, it may name programs, which root would run. What is
    checked out may have repositories in it, so root does not ask whether it was changed.
    """
    repository = folder / ".git"
    where, asked = ["-C", str(folder)], ["describe", "--tags", "--always", "--dirty"]
    if os.geteuid() == 0:
        if not _is_roots(repository):
            return folder.name
        where = [f"--git-dir={repository}", "--no-optional-locks"]  # git looks for no other one
        where += ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]
        asked.remove("--dirty")
    return printed("git", *where, *asked).strip() or folder.name


def _is_roots(repository: Path) -> bool:
    """Whether all of it is there, and nobody but root can change it."""
    try:
        content = list(repository.iterdir())
    except OSError:  # it is elsewhere, for example, and a file says where
        return False
    is_elsewhere = repository / "commondir" in content
    return not is_elsewhere and not trust.first_foreign([repository, *content])


def reports(root: Path, threads: int) -> list[dict[str, Any]]:
    """How busy every process of the application is; waits a second for the answers."""
    workers = processes.workers(root)
    found = answers.ask(root, workers, "report", REPORT, 1)
    now = filter(None, (process_table.find(worker.pid) for worker in workers))
    return [_row(root, one, found.get(one.pid), threads) for one in now]


def _row(
    root: Path, worker: Process, report: answers.Answer | None, threads: int
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "pid": worker.pid,
        "memory": worker.memory,
        "responds": report is not None,
    }
    if report:
        row |= {"requests": report["requests"], "busy": report["busy"]}
        row["locale"] = str(report.get("locale", ""))[:40]  # an older version does not tell it
        row["idle"] = max(0, threads - report["busy"])
    else:
        row["cannot_load"] = processes.why_unloaded(worker, root)
    return row


def unloaded(rows: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """The processes that cannot load the application, and why, in a line."""
    found = ((row["pid"], row.get("cannot_load", "")) for row in rows)
    return [(pid, why.splitlines()[-1][:200]) for pid, why in found if why]


def _locales(rows: Sequence[dict[str, Any]]) -> list[str]:
    return sorted({row["locale"] for row in rows if row.get("locale")})


def last_errors(found: Sequence[str] | None, since: float | None) -> list[str]:
    """The lines about them, or about where they are.

    :param found: None for a server in the foreground, which has no log.
    :param since: How far back the log was read, in seconds since 1970; None for the start.
    """
    if found is None:
        return ["Errors are in the output of ./run; under systemd, journalctl shows them"]
    if not found:
        return [f"No errors since {clock(since) if since else 'the start'}"]
    return ["Last errors", *(f"  {line[:77]}" for line in found)]


def as_text(found: dict[str, Any]) -> str:
    """The table people read."""
    lines = [f"{'State':<10}{found['state']}"]
    trouble = [("Trouble", found["trouble"]["text"])] if found["trouble"] else []
    for label, text in [*trouble, *(("Note", note) for note in found["notes"])]:
        lines += wrapped(text, f"{label:<10}", " " * 10).split("\n")
    if found["state"] != "stopped":
        began = datetime.fromtimestamp(found["since"]).astimezone()
        since = f"{began:%Y-%m-%d %H:%M:%S %z}"
        lines += [
            f"{'Address':<10}{found['address']}",
            f"{'Since':<10}{since} ({duration(found['uptime'])})",
            f"{'Release':<10}{found['release']}",
            *(f"{label:<10}{value}" for label, value in found["server"].items()),
            *(f"{'Locale':<10}{value}" for value in _locales(found["processes"])),
        ]
    if rows := found.get("processes", []):
        lines += ["", f"{'process':>9} {'memory':>9} {'requests':>9} {'busy':>5} {'idle':>5}"]
    for row in rows:
        memory = f"{row['memory'] / 1024 / 1024:.0f} MB"
        counts = (
            f"{row['requests']:>9} {row['busy']:>5} {row['idle']:>5}"
            if row["responds"]
            else f"  {'cannot load' if row['cannot_load'] else 'does not respond'}"
        )
        lines.append(f"{row['pid']:>9} {memory:>9} {counts}")
    if found["state"] != "unknown":
        lines += ["", *last_errors(found["errors"], found["errors_since"])]
    return "\n".join(map(printable, lines))
