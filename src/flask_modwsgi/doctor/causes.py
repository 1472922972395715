"""Finds the cause of a failure, in the log and in other traces of it.

Pure, but for what collects the evidence.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import problems
from ..logs.events import Event, is_about_request, is_of_server, messages, moment
from ..logs.noise import is_routine
from ..machine import oom, selinux
from ..machine.times import wait
from ..problems.problem import Problem
from .deaths import deaths, is_refused, signal_name
from .import_failures import from_traceback
from .tracebacks import crash_stack, tracebacks


@dataclass(frozen=True)
class Evidence:
    """What a failure left behind.

    :param log: The error log since the start.
    :param user: Whom the application runs as.
    :param own: The folder whose modules are the application's own.
    :param memory_kills: How often the kernel killed for memory since the start.
    :param kernel: Messages of the kernel, as far as they may be read.
    :param selinux: Whether SELinux refuses things on this system.
    """

    log: Sequence[Event]
    user: str
    own: Path
    memory_kills: int = 0
    kernel: Sequence[str] = ()
    selinux: bool = False


def gather(log: Sequence[Event], user: str, own: Path, kills_before: int) -> Evidence:
    """All there is to see now.

    :param own: The project's folder.
    :param kills_before: What `oom.kills` said at the start.
    """
    began = next(filter(None, map(moment, log)), 0.0)
    kernel = oom.kernel_messages(began)
    refuses = bool(selinux.enforcing()) or selinux.has_denied(kernel)
    return Evidence(log, user, own, max(0, oom.kills() - kills_before), kernel, refuses)


def settled(read: Callable[[], list[Event]]) -> list[Event]:
    """What `read` returns, once the traceback is there that follows a line with a code."""
    wait(lambda: bool(tracebacks(read())), 1)
    return read()


def cause(evidence: Evidence) -> Problem | None:
    """The problem that the evidence shows, or None."""
    return said(evidence) or _died_of(evidence) or not_loaded(evidence)


_CODE = re.compile(r"(\(\d+\)[^:]*: )?(WSGI\d{4}|AH\d{5}): ")
_APACHE = re.compile(r"core|mpm_\w+|-")
# The application may have loggers of any name, but no logger of these.
_MODULES = re.compile(r"wsgi|http|mime|proxy(_\w+)?|slotmem_\w+|socache_\w+|ssl|unixd")
# Characters of a line that are looked at: no line that tells a cause has more, but those of others may
# take long.
_ENOUGH = 2000
_Match = re.Match[str]
_Rule = tuple[str, Callable[[_Match, Evidence, str], Problem]]

# In this order: what is said first is the cause of what follows it.
_RULES: tuple[_Rule, ...] = (
    (
        r"\((98|48)\).*AH00072: .* address (?P<host>\S+):(?P<port>\d+)",
        lambda m, e, q: problems.port_in_use(m["host"], int(m["port"])),
    ),
    (
        r"\(13\).*AH00072: .*:(?P<port>\d+)$",
        lambda m, e, q: problems.port_forbidden(int(m["port"])),
    ),
    (
        r"\(\d+\)(?P<reason>[^:]*): AH00072: .* address (?P<host>\S+):\d+",
        lambda m, e, q: problems.address_unusable(m["host"], m["reason"]),
    ),
    (
        r"Cannot load \S+ into server: .*?libpython\S+: cannot open shared"
        r"|Cannot load \S*mod_wsgi\S* into server|API module structure|undefined symbol"
        r"|is garbled - expected signature|is not compatible with this version of Apache",
        lambda m, e, q: problems.build_stale(q),
    ),
    (
        r"Cannot load (?P<file>\S+) into server: .*(No such file|cannot open shared)",
        lambda m, e, q: problems.apache_incomplete(m["file"], q),
    ),
    (
        r"AH00543: .*bad user name (?P<name>\S+)|AH00544: .*bad group name (?P<group>\S+)",
        lambda m, e, q: problems.run_user_invalid(
            m["name"] or m["group"], "the system does not know that name"
        ),
    ),
    (
        r"\(2\)No such file or directory: AH0(1597|2291): .*?(?P<file>/\S*?)['.]?( for .*)?$",
        lambda m, e, q: problems.file_missing(m["file"], q),
    ),
    (
        r"\((28|12)\).*(AH00021|AH00023|AH0000[1-5]|AH02454|AH02563|WSGI0030|shared memory|mutex)",
        lambda m, e, q: problems.ipc_exhausted(q),
    ),
    (r"\(2[34]\)Too many open files", lambda m, e, q: problems.files_exhausted(q)),
    (
        r"AH03104|AH00480|AH02324|WSGI002[02]: Unable to create",
        lambda m, e, q: problems.threads_exhausted(q),
    ),
    (
        r"\((28|122)\)(No space left|Disk quota)[^/]*(?P<file>/[^\s':]+)?",
        lambda m, e, q: _disk_full(m["file"], e),
    ),
    (r"WSGI0099: (?P<reason>.*)", lambda m, e, q: problems.python_unusable(m["reason"], q)),
    (
        r"WSGI010[0-2]: .*Python home '(?P<home>[^']*)'",
        lambda m, e, q: problems.python_unusable(f"{m['home']} cannot be used by {e.user}", q),
    ),
    (
        r"WSGI0036: .*?: (?P<reason>.*)|No module named '(?P<module>encodings)'",
        lambda m, e, q: problems.python_unusable(m["reason"] or "encodings is not found", q),
    ),
    (
        r"\(13\)Permission denied: (.*(AH|WSGI)\d+: .*?'(?P<quoted>/[^']*)'|.*?(?P<file>/[^\s':]+))",
        lambda m, e, q: _denied(m["quoted"] or m["file"], e, q),
    ),
)


def said(evidence: Evidence) -> Problem | None:
    """The problem in a line of Apache or mod_wsgi.

    A line about a request may have words of its client, but does not begin with them.
    """
    by_apache = [event for event in evidence.log if _is_of_apache(event)]
    for pattern, problem in _RULES:
        for event in by_apache:
            message = event.get("message", "")[:_ENOUGH]
            found = re.match if is_about_request(event) else re.search
            if match := found(pattern, message):
                return problem(match, evidence, message)
    return None


def _is_of_apache(event: Event) -> bool:
    """Whether Apache or mod_wsgi wrote it, as far as the line tells.

    What the application prints has the logger of mod_wsgi, but no code.
    """
    message, logger = event.get("message", ""), event.get("logger") or "-"
    if is_about_request(event) and message.count("'/") > 1:
        return False  # one of the paths is its client's
    return bool(_APACHE.fullmatch(logger) or (_MODULES.fullmatch(logger) and _CODE.match(message)))


def _disk_full(file: str | None, evidence: Evidence) -> Problem:
    if file:
        return problems.disk_full(Path(file).parent, f"there was no room for {file}")
    return problems.disk_full(evidence.own, "no room is left")


def _denied(path: str, evidence: Evidence, quote: str) -> Problem:
    refused = problems.selinux_denied if evidence.selinux else problems.permission_denied
    return refused(evidence.user, path, quote)


def end_of_apache(pid: int, signal: int, evidence: Evidence) -> Problem:
    """Why a signal ended Apache's parent process, not one of its other processes."""
    sizes = oom.killed_for_memory(evidence.kernel)
    if pid in sizes:
        return problems.memory_exhausted([pid], sizes[pid], 1)
    return problems.killed(pid, f"was ended by signal {signal_name(signal)}")


def _died_of(evidence: Evidence) -> Problem | None:
    """How the processes of the application died, the last one first."""
    found = deaths(evidence.log)
    if not found:
        return None
    last = found[-1]
    sizes = oom.killed_for_memory(evidence.kernel)
    for_memory = [one.pid for one in found if one.pid in sizes]
    if for_memory:
        return problems.memory_exhausted(for_memory, sizes[for_memory[-1]], 0)
    if last.number is None:
        return None
    if last.is_signal:
        name = f"signal {signal_name(last.number)}"
        library = oom.faulty_libraries(evidence.kernel).get(last.pid, "")
        return problems.app_crashes(name, library, crash_stack(evidence.log), len(found))
    if last.is_signal is False:
        return problems.app_exits(f"exits with status {last.number}", "", len(found))
    if evidence.memory_kills and last.number == 9:
        return problems.memory_exhausted([], None, evidence.memory_kills)
    return problems.killed(last.pid, last.how, len(found))


def not_loaded(evidence: Evidence) -> Problem | None:
    """Why mod_wsgi could not execute the script."""
    own = [event.get("message", "") for event in evidence.log if is_of_server(event)]
    traceback = next(iter(tracebacks(evidence.log)), "")
    has_exited = any(re.match(r"(\(\d+\)[^:]*: )?WSGI010[78]: ", message) for message in own)
    if has_exited or traceback.rpartition("\n")[2].startswith("SystemExit"):
        return problems.app_exits("calls sys.exit() when it is loaded", traceback)
    if is_refused(evidence.log):
        return from_traceback(traceback, evidence.user, evidence.own)
    return None


def failure(doing: str, evidence: Evidence) -> Problem:
    """Why Apache could not begin or go on, or its last words where they show no cause."""
    return said(evidence) or problems.server_failed(doing, last_words(evidence.log))


def crash_loop(evidence: Evidence) -> Problem:
    """Why the processes of the application are in a crash loop."""
    died = deaths(evidence.log)
    unknown = problems.crash_loop(len(died), died[-1].how, last_words(evidence.log, 5))
    return cause(evidence) or unknown


def last_words(log: Sequence[Event], most: int = 8) -> str:
    """The last lines that say anything, without the columns before the message."""
    texts = [text for event in log if not is_routine(event) for text in messages(event)]
    return "\n".join(texts[-most:])
