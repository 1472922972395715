"""Why the application cannot be loaded, from a rehearsal or from a traceback. Pure."""

import re
import signal
from pathlib import Path

from .. import problems
from ..problems.problem import Problem
from ..server.import_check import Rehearsal
from . import log_lines
from .deaths import signal_name

_MISSING = re.compile(r"^ModuleNotFoundError: No module named '([\w.]+)'", re.MULTILINE)
_DENIED = re.compile(r"^PermissionError: \[Errno 13\] .*?: '(.+)'$", re.MULTILINE)
_FULL = re.compile(r"^OSError: \[Errno (?:28|122)\] .*?(?:: '(.+)')?$", re.MULTILINE)
_RUN = re.compile(r'^  File ".*/flask/app\.py", line \d+, in run$', re.MULTILINE)
_TAKEN = re.compile(r"^OSError: \[Errno (?:98|48)\]", re.MULTILINE)


def refusal(tried: Rehearsal, user: str, own: Path) -> Problem | None:
    """What a rehearsal showed to be wrong; None where it went well.

    :param user: Whom the application runs as.
    :param own: The folder whose modules are the application's own.
    """
    if tried.loaded:
        return None
    if tried.names is not None:
        return problems.app_nameless(tried.file, tried.names)
    lines = tried.output.splitlines()
    stack = log_lines.crash_stack(lines)
    listens = tried.binds[-1] if tried.binds else ""
    if tried.serves:
        return problems.app_serves(listens, _last_call(lines))
    if tried.status < 0:
        how = f"signal {signal_name(-tried.status)}"
        if -tried.status == signal.SIGKILL and not stack:
            return problems.app_exits(f"was ended by {how} when it is loaded", "")
        return problems.app_crashes(how, "", stack or tried.output, 1)
    if stack.startswith("Timeout"):
        if listens:
            return problems.app_serves(listens, stack)
        return problems.app_blocks(tried.seconds, stack)
    found = log_lines.tracebacks(lines)
    if found:
        return from_traceback(found[-1], user, own)
    if tried.output.strip() and "SyntaxError" in tried.output:
        return problems.app_broken("\n".join(log_lines.without_scaffold(lines)))
    return problems.app_exits(f"exits with status {tried.status} when it is loaded", tried.output)


def _last_call(lines: list[str]) -> str:
    """Of the stack where a server began to listen, what is the application's own."""
    rows = [line for line in lines if line.startswith("  File ")]
    own = [row for row in log_lines.without_scaffold(rows) if "/lib/python" not in row]
    return "\n".join(own)


def from_traceback(traceback: str, user: str, own: Path) -> Problem:
    """The problem that this traceback, raised while the application was loaded, shows."""
    if _RUN.search(traceback):
        return problems.app_serves("a port", traceback)
    if (match := _MISSING.search(traceback)) and not _is_own(match[1], own):
        return problems.package_missing(match[1].partition(".")[0], traceback)
    if match := _DENIED.search(traceback):
        return problems.permission_denied(user, match[1], traceback)
    if match := _FULL.search(traceback):
        folder = Path(match[1]).parent if match[1] else own
        return problems.disk_full(folder, match[0].partition("] ")[2])
    if _TAKEN.search(traceback):
        return problems.app_listens(traceback)
    return problems.app_broken(traceback)


def _is_own(module: str, own: Path) -> bool:
    first = module.partition(".")[0]
    return (own / first).exists() or (own / f"{first}.py").exists()
