"""What Apache may find missing on the system: parts that fit, room, files, threads."""

import errno
import shlex
from pathlib import Path

from ..problem import Problem
from .dying import quoted
from .serving import system_refused


def build_stale(quote: str) -> Problem:
    return Problem(
        "build-stale",
        quoted("mod_wsgi does not fit this Apache or this Python any more.", quote),
        "It is compiled for one Apache and one Python, and one of them was upgraded or moved.",
        ["./run setup --rebuild"],
    )


def apache_incomplete(module: str, quote: str) -> Problem:
    return Problem(
        "apache-incomplete",
        quoted(f"Apache's module {module} is not there.", quote),
        "It was there when the project was set up, or a setting asks for it.",
        ["./run setup", "./run setup --apache bundled"],
    )


def python_unusable(reason: str, quote: str) -> Problem:
    return Problem(
        "python-unusable",
        quoted(f"Apache cannot start Python: {reason}.", quote),
        "The Python this environment was made from is gone, was upgraded, or cannot be read by the"
        " user the application runs as.",
        ["./run setup --rebuild"],
    )


def disk_full(path: str) -> Problem:
    return Problem(
        "disk-full",
        f"No space is left on the file system of {path}.",
        "The file system is full, or has no more room for this user or for one more file.",
        [f"df -h {shlex.quote(path)}; df -i {shlex.quote(path)}", "du -xh . | sort -h | tail"],
    )


def disk_read_only(path: str) -> Problem:
    return Problem(
        "disk-read-only",
        f"The file system of {path} cannot be written.",
        "The project writes into its folder var/: logs, sockets and the configuration of Apache.",
        [f"findmnt -T {shlex.quote(path)}"],
    )


def ipc_exhausted(quote: str) -> Problem:
    return Problem(
        "ipc-exhausted",
        quoted("The system has no more semaphores or shared memory for Apache.", quote),
        "Servers that were killed may have left theirs, and the system has a limit for all.",
        ["ipcs -su    # who has them; ipcrm -s ID removes one", "sysctl kernel.sem kernel.shmmni"],
    )


def files_exhausted(quote: str) -> Problem:
    return Problem(
        "files-exhausted",
        quoted("Apache may not open more files.", quote),
        "Each connection and each log is a file, and this user has a limit.",
        ["ulimit -n 4096 && ./run"],
    )


def threads_exhausted(quote: str) -> Problem:
    return Problem(
        "threads-exhausted",
        quoted("The system gives Apache no more threads or memory for them.", quote),
        "The limit of processes of this user, of a control group (pids.max) or of address space"
        " is reached.",
        ["ulimit -u; ulimit -v; PROCESSES=2 THREADS=2 ./run"],
    )


def file_missing(path: str, quote: str) -> Problem:
    return Problem(
        "file-missing",
        quoted(f"Apache needs {path}, which is gone.", quote),
        "Something removed it while the server was starting; ./run writes its own files anew.",
        ["./run start"],
    )


def refused_by_system(error: OSError, place: Path) -> Problem:
    """The problem behind an error that nothing else has named.

    :param place: Where the project mostly writes, for an error that names no file.
    """
    path = str(error.filename or place)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    if error.errno == errno.EROFS:
        return disk_read_only(path)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return files_exhausted(str(error))
    return system_refused(error)
