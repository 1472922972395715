"""``./run status``: is it up, is it busy, what went wrong last."""

import contextlib
import json
import os
import signal
import subprocess
import textwrap
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from ..apache import processes, state
from ..config.project import Project
from ..logs import reader
from . import health_summary, probe

# Exit statuses as monitoring knows them from init scripts (Linux Standard Base, iniscrptact).
RUNNING, NOT_ANSWERING, NOT_RUNNING = 0, 1, 3


def show(project: Project, as_json: bool) -> int:
    """Print it; the exit status is 0 when the application answers, 1 when not, 3 without Apache."""
    found = collect(project)
    print(json.dumps(found, indent=2) if as_json else as_text(found))
    return {"running": RUNNING, "not answering": NOT_ANSWERING}.get(found["state"], NOT_RUNNING)


def collect(project: Project) -> dict[str, Any]:
    """The state of this project's server. Memory is in bytes, times in seconds."""
    root = state.root(project)
    parent = processes.apache(root)
    started = state.read(root)
    errors = reader.last_errors(project, 3)
    wrong = health_summary.found(root, parent, started, reader.error_log(project))
    if parent is None:
        return {"state": "stopped", "trouble": wrong, "errors": errors}
    address = started.get("address", "")
    path, hosts = started.get("is_alive_at", "/"), started.get("settings", {}).get("hosts", "")
    answer = probe.ask(address, path, hosts)
    rows = reports(project, parent, started.get("settings", {}).get("threads", 0))
    # Of a process that could not load the application there is no report.
    answers = answer not in probe.NO_ANSWER and (answer != 500 or any(r["responds"] for r in rows))
    return {
        "state": "running" if answers and not in_a_loop(wrong) else "not answering",
        "trouble": wrong,
        "address": f"{address}/",
        "pid": parent.pid,
        "uptime": round(time.time() - parent.create_time()),
        "release": release(project),
        "processes": rows,
        "errors": errors,
    }


def in_a_loop(wrong: dict[str, Any] | None) -> bool:
    """Whether an answer was luck: its process dies soon, like those before it."""
    return bool(wrong and wrong["slug"] == "crash-loop")


def release(project: Project) -> str:
    """The commit that is checked out here, or the name of the folder."""
    command = ["git", "-C", str(project.root), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return project.root.name
    return done.stdout.strip() or project.root.name


def reports(project: Project, parent: psutil.Process, threads: int) -> list[dict[str, Any]]:
    """Ask every process of the application how busy it is; wait a second for the answers."""
    daemons = processes.daemons(parent.pid, project.app_name)
    asked = time.time()
    for daemon in daemons:
        with contextlib.suppress(psutil.Error):
            daemon.send_signal(signal.SIGHUP)
    found: dict[int, dict[str, Any]] = {}
    while len(found) < len(daemons) and time.time() < asked + 1:
        for daemon in daemons:
            report = _read(state.root(project), daemon.pid)
            if report and report["time"] >= asked:
                found[daemon.pid] = report
        time.sleep(0.01)
    rows = []
    for daemon in daemons:
        with contextlib.suppress(psutil.Error):  # it has just died
            rows.append(_row(daemon, found.get(daemon.pid), threads))
    return rows


def _row(daemon: psutil.Process, report: dict[str, Any] | None, threads: int) -> dict[str, Any]:
    row = {"pid": daemon.pid, "memory": daemon.memory_info().rss, "responds": report is not None}
    if report:
        row |= {"requests": report["requests"], "busy": report["busy"]}
        row["idle"] = max(0, threads - report["busy"])
    return row


def _read(root: Path, pid: int) -> dict[str, Any] | None:
    """The application's user owns the folder, so a link there is not followed."""
    try:
        file = os.open(root / "workers" / f"{pid}.json", os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(file) as stream:
            report: dict[str, Any] = json.load(stream)
    except (OSError, ValueError):
        return None
    return report


def as_text(found: dict[str, Any]) -> str:
    """The table people read."""
    lines = [f"{'State':<10}{found['state']}"]
    if found["trouble"]:
        text = found["trouble"]["text"]
        lines += textwrap.wrap(text, 80, initial_indent="Trouble   ", subsequent_indent=" " * 10)
    if found["state"] != "stopped":
        since = datetime.fromtimestamp(time.time() - found["uptime"]).strftime("%Y-%m-%d %H:%M:%S")
        lines += [
            f"{'Address':<10}{found['address']}",
            f"{'Since':<10}{since} ({duration(found['uptime'])})",
            f"{'Release':<10}{found['release']}",
            "",
            f"{'process':>9} {'memory':>9} {'requests':>9} {'busy':>5} {'idle':>5}",
        ]
        for row in found["processes"]:
            memory = f"{row['memory'] / 1024 / 1024:.0f} MB"
            counts = (
                f"{row['requests']:>9} {row['busy']:>5} {row['idle']:>5}"
                if row["responds"]
                else "  does not respond"
            )
            lines.append(f"{row['pid']:>9} {memory:>9} {counts}")
    lines += ["", "Last errors" if found["errors"] else "No errors in the log"]
    lines += [f"  {line[:77]}" for line in found["errors"]]
    return "\n".join(lines)


def duration(seconds: int) -> str:
    """``3 d 4 h``, ``5 min``, ``12 s``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
