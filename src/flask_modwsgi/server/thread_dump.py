"""``./run dump``: the stack of every thread of every process."""

import contextlib
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ..apache import processes, state
from ..config.project import Project
from ..machine import files, process_table, trust
from ..machine.process_table import Process
from ..machine.times import duration
from ..terminal import WIDTH, printable
from . import answers
from .messages import say

PATIENCE = 2  # seconds for an answer in Python, and then as many for one without
ANSWER = {"time": float, "threads": list}
SAMPLE = 0.3  # seconds over which the use of the processor is measured
_STATES = {"R": "running", "S": "sleeping", "D": "waiting for a device", "T": "stopped"}
_CALL = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
_LIBRARY = re.compile(r"^.*/(site-packages|python3\.\d+)/")


def show(project: Project) -> int:
    """Print it, cut to the width of a terminal, and write all of it to a file.

    :raises Problem: nothing runs, or another user started it.
    """
    root = state.root(project)
    processes.require_apache(root, "dump")
    workers = processes.workers(root)
    # The others do not listen yet.
    listening = [one for one in workers if answers.file(root, one, "stuck").exists()]
    found = answers.ask(root, listening, "stacks", ANSWER, PATIENCE)
    told = [account(project, root, one, found.get(one.pid)) for one in workers]
    text = "\n".join(filter(None, told))
    for line in text.splitlines():
        print(line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}...")
    say(f"written to {project.shown(keep(project, text))}")
    return 0


def keep(project: Project, text: str) -> Path:
    """Write it where only the owner of the server can read it."""
    file = trust.made_folder(project.logs, 0o700) / f"dump-{datetime.now():%Y%m%d-%H%M%S-%f}.txt"
    files.write(file, f"{text}\n", 0o600)
    return file


def account(project: Project, root: Path, worker: Process, answer: answers.Answer | None) -> str:
    """The paragraph about one process; empty for one that has ended."""
    if process_table.find(worker.pid) != worker:
        return ""
    memory = worker.memory / 1024 / 1024
    since = duration(time.time() - worker.began)
    head = f"Process {worker.pid}: {memory:.0f} MB, runs for {since}, "
    if answer is None:
        known = answers.why_silent(root)
        reason = f"  {known or 'Python cannot run in it: it is inside C code, or it is starting'}"
        silent = [*_of_the_kernel(worker.pid), *alarm(project, root, worker)]
        told = [head + "does not respond", reason, *silent]
    else:
        try:
            told = _told(project, head, answer)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # Its user can write anything there.
            told = [f"{head}what it reported cannot be read"]
    return "\n".join(map(printable, [*told, ""]))  # a client may have sent control characters


def _told(project: Project, head: str, answer: answers.Answer) -> list[str]:
    busy = [thread for thread in answer["threads"] if thread["request"]]
    lines = [head + f"requests under way: {len(busy)}"]
    for thread in sorted(busy, key=lambda thread: float(thread["request"]["since"])):
        request = thread["request"]
        seconds = answer["time"] - request["since"]
        lines += ["", f"  {request['method']} {request['path']} for {seconds:.1f} s"]
        lines += [f"  request id {request['id']}", *_calls(project, thread["calls"])]
    for thread in answer["threads"]:
        if not thread["request"]:
            lines += ["", f"  thread {thread['name']}, no request"]
            lines += _calls(project, thread["calls"])
    return lines


def _calls(project: Project, calls: Sequence[tuple[str, Any, str, str]]) -> list[str]:
    """A line for each call, as in a traceback, without the calls of the import system."""
    return [
        # A path as its readers know it: from the project, or from the package on.
        f"    {_LIBRARY.sub('', path).removeprefix(f'{project.root}/')}:{line} {name}"
        + (f"  {source}" if source else "")
        for path, line, name, source in calls
        if not path.startswith("<frozen ")
    ]


def _of_the_kernel(pid: int) -> list[str]:
    """A line for each kind of thread, such as ``1 thread running, 98 % of a core``."""
    before = _threads(pid)
    time.sleep(SAMPLE)
    lines: Counter[str] = Counter()
    for name, (doing, ticks) in _threads(pid).items():
        used = ticks - before.get(name, (doing, ticks))[1]
        share = round(100 * used / os.sysconf("SC_CLK_TCK") / SAMPLE)
        lines[doing + (f", {share} % of a core" if share else "")] += 1
    return [f"  {count} thread{'s' * (count > 1)} {line}" for line, count in lines.items()]


def _threads(pid: int) -> dict[str, tuple[str, int]]:
    """Of each thread, the state, with the function of the kernel it waits in, and the processor time.

    On Linux alone. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    found = {}
    for folder in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            where = (folder / "wchan").read_text().strip("0")
            doing = _STATES.get(fields[0], fields[0]) + (f" in {where}" if where else "")
            found[folder.name] = (doing, int(fields[11]) + int(fields[12]))
    return found


def alarm(project: Project, root: Path, worker: Process) -> list[str]:
    """The threads of a process that cannot run Python; it writes them from C, without requests."""
    file = answers.file(root, worker, "stuck")
    before = len(files.text_if_any(file))
    process_table.send(worker, signal.SIGURG)
    deadline = time.monotonic() + PATIENCE
    text, last = "", "-"
    while text != last and time.monotonic() < deadline:  # until it writes no more
        last = text
        time.sleep(0.1)
        text = files.text_if_any(file)[before:] or "-"
    lines = []
    for part in re.split(r"\n\n|^(?=Thread|Current thread)", text, flags=re.MULTILINE):
        if calls := _CALL.findall(part):
            lines += ["", "  a thread", *_calls(project, [(*call, "") for call in calls[::-1]])]
    return lines or ["  and it wrote nothing when asked without Python"]
