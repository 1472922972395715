"""What Apache may find missing on the system: parts that fit, room, files, threads."""

from .problem import Problem, example, quoted


@example("undefined symbol: _PyErr_SetKeyError")
def build_stale(quote: str) -> Problem:
    return Problem(
        "build-stale",
        quoted("mod_wsgi does not fit this Apache or this Python any more.", quote),
        "It is compiled for one Apache and one Python, and one of them was upgraded or moved.",
        ["./run setup --rebuild"],
    )


@example("/usr/lib/apache2/modules/mod_ssl.so", "")
def apache_incomplete(module: str, quote: str) -> Problem:
    return Problem(
        "apache-incomplete",
        quoted(f"Apache's module {module} is not there.", quote),
        "It was there when the project was set up, or a setting asks for it.",
        ["./run setup", "./run setup --apache bundled"],
    )


@example("encodings is not found", "ModuleNotFoundError: No module named 'encodings'")
def python_unusable(reason: str, quote: str) -> Problem:
    return Problem(
        "python-unusable",
        quoted(f"Apache cannot start Python: {reason}.", quote),
        "The Python this environment was made from is gone, was upgraded, or cannot be read by the"
        " user the application runs as.",
        ["./run setup --rebuild"],
    )


@example("(28)No space left on device: AH00023: Couldn't create the wsgi mutex")
def ipc_exhausted(quote: str) -> Problem:
    return Problem(
        "ipc-exhausted",
        quoted("The system has no more semaphores or shared memory for Apache.", quote),
        "Servers that were killed may have left theirs, and the system has a limit for all.",
        ["ipcs -su    # who has them; ipcrm -s ID removes one", "sysctl kernel.sem kernel.shmmni"],
    )


@example("(24)Too many open files: WSGI0030: Unable to create accept lock")
def files_exhausted(quote: str) -> Problem:
    return Problem(
        "files-exhausted",
        quoted("Apache may not open more files.", quote),
        "Each connection and each log is a file, and this user has a limit.",
        ["ulimit -n 4096 && ./run"],
    )


@example("(11)Resource temporarily unavailable: AH03104: ap_thread_create")
def threads_exhausted(quote: str) -> Problem:
    return Problem(
        "threads-exhausted",
        quoted("The system gives Apache no more threads or memory for them.", quote),
        "The limit of processes of this user, of a control group (pids.max) or of address space"
        " is reached.",
        ["ulimit -u; ulimit -v; PROCESSES=2 THREADS=2 ./run"],
    )


@example("/srv/blog/var/apache/mime.types", "")
def file_missing(path: str, quote: str) -> Problem:
    return Problem(
        "file-missing",
        quoted(f"Apache needs {path}, which is gone.", quote),
        "It was removed while the server was starting; each start writes it again.",
        ["./run start"],
    )
