"""What can go wrong while the application is loaded, and what its processes die of."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from .building import COMPILE
from .problem import Problem, example, quoted


@example("yaml", "ModuleNotFoundError: No module named 'yaml'")
def package_missing(module: str, traceback: str) -> Problem:
    return Problem(
        "package-missing",
        quoted(f"The application imports {module}, which no package in .venv provides.", traceback),
        f"Add the package that provides {module} to dependencies in pyproject.toml (the names of"
        " a package and of its module may differ), then:",
        [f"{COMPILE} && ./run setup"],
    )


@example("models", Path("shop/models.py"), "ModuleNotFoundError: No module named 'models'")
def module_misplaced(module: str, found: Path, traceback: str) -> Problem:
    folder = ".".join(found.parent.parts)
    return Problem(
        "module-misplaced",
        quoted(f"The application imports {module}, which is not found; {found} exists.", traceback),
        f"Modules are found in the project's folder and in .venv: import it as {folder}.{module}, or"
        f" install {found.parent} as a package.",
        [f"grep -rnE '(import|from) {module}' --include=*.py --exclude-dir=.venv ."],
    )


@example("tools", Path("/opt/shared/tools"), "ModuleNotFoundError: No module named 'tools'")
def python_path_ignored(module: str, found: Path, traceback: str) -> Problem:
    return Problem(
        "pythonpath-ignored",
        quoted(f"The application imports {module}, which is in PYTHONPATH: {found}.", traceback),
        "PYTHONPATH has no effect on the server, so that it does not depend on the shell it is"
        " started from. Copy the module, or put its folder on sys.path in the .wsgi file.",
        [f"cp -r {shlex.quote(str(found))} ."],
    )


@example(
    Path("/srv/blog/token.py"),
    "ImportError: cannot import name 'EXACT_TOKEN_TYPES' from 'token' (/srv/blog/token.py)",
)
def module_hidden(file: Path, traceback: str) -> Problem:
    return Problem(
        "module-hidden",
        quoted(f"{file} hides another module named {file.stem}.", traceback),
        "The project's folder comes first on sys.path, so Python and its packages import this file"
        " instead of the module they need. Give it another name, also where you import it.",
        [f"mv {shlex.quote(str(file))} {shlex.quote(str(file.with_name(f'own_{file.name}')))}"],
    )


@example(Path("/srv/blog/blog.wsgi"), ["app"])
def app_nameless(file: Path, names: Sequence[str]) -> Problem:
    found = f"; it defines {', '.join(names)}" if names else ""
    return Problem(
        "app-nameless",
        f"{file.name} does not define the name application{found}.",
        "That is the name Apache looks for. A Flask object may have a second name.",
        [f"echo 'application = {names[-1] if names else 'app'}' >> {shlex.quote(file.name)}"],
    )


@example("exits with status 3 when it is loaded", "")
def app_exits(status: str, quote: str, times: int = 1) -> Problem:
    again = f" {times} processes did so." if times > 1 else ""
    return Problem(
        "app-exits",
        quoted(f"The application {status}.{again}", quote),
        "Something it imports calls sys.exit() or os._exit(). Under Apache there is nothing to"
        " return to; an exception would say what is wrong.",
        ["grep -rnE '_?exit\\(' --include=*.py --exclude-dir=.venv ."],
    )


@example(60.0, 'File "/srv/blog/blog/__init__.py", line 7 in <module>')
def app_blocks(limit: float, stack: str) -> Problem:
    return Problem(
        "app-blocks",
        quoted(f"The application is not loaded after {limit:.0f} seconds. It is here:", stack),
        "Every process loads it before it answers. Move code that waits out of import time, or give"
        " it a timeout; START_LIMIT allows more time.",
        [f"START_LIMIT={max(60, int(limit) * 2)} ./run"],
    )


@example("127.0.0.1:5000", 'File "/srv/blog/blog/__init__.py", line 9 in <module>')
def app_serves(where: str, stack: str) -> Problem:
    return Problem(
        "app-serves",
        quoted(f"The application starts another server on {where} when it is loaded.", stack),
        "Apache is the server here. A call of app.run() that is reached by an import never returns;"
        ' it belongs below a line: if __name__ == "__main__".',
        ["grep -rn 'run(' --include=*.py --exclude-dir=.venv ."],
    )


@example("OSError: [Errno 98] Address already in use")
def app_listens(traceback: str) -> Problem:
    return Problem(
        "app-listens",
        quoted("The application listens on a port when it is loaded, and it is taken.", traceback),
        "Each of its processes loads it, and only one can have the port. Run that listener as a"
        " separate program, or use port 0, which is a free one.",
        ["./run dev     # has one process only, to try that it is this"],
    )


@example("signal SIGSEGV", "libc.so.6", "Fatal Python error: Segmentation fault", 5)
def app_crashes(signal: str, library: str, stack: str, times: int) -> Problem:
    often = f"{times} processes were" if times > 1 else "A process was"
    place = f" in {library}" if library else ""
    return Problem(
        "app-crashes",
        quoted(f"{often} ended by {signal}{place}.", stack),
        "The fault is in compiled code: in a package with an extension, or one that was built for"
        " another Python. The first line above that is in your code tells which.",
        ["./run setup --rebuild     # installs every package again"],
    )


@example([4711], 180 * 2**20, 1)
def memory_exhausted(pids: Sequence[int], size: int | None, counted: int) -> Problem:
    had = f", at {size / 2**20:.0f} MB" if size else ""
    whom = f"process {', '.join(map(str, pids[-3:]))}" if pids else f"{counted} processes"
    return Problem(
        "memory-exhausted",
        f"The kernel killed {whom}{had}, because memory ran out.",
        "The application needs more than this machine or its control group has. Fewer processes"
        " need less; each loads the whole application.",
        ["PROCESSES=2 THREADS=10 ./run", "dmesg | grep -i 'killed process'"],
    )


@example([4711], "SIGKILL")
def killed(pids: Sequence[int], signal: str) -> Problem:
    return Problem(
        "killed",
        f"Process {', '.join(map(str, pids[-5:]))} was ended by {signal}, or exited with that"
        " number, and the kernel counted no lack of memory.",
        "Something sends it: an operator, a supervisor, a limit of the system, or the"
        " application itself.",
        ["grep -rnE 'os.kill|_exit|abort' --include=*.py --exclude-dir=.venv ."],
    )


@example("www-data", "/srv/blog/private.txt", "PermissionError: [Errno 13] Permission denied")
def permission_denied(user: str, path: str, quote: str) -> Problem:
    return Problem(
        "permission-denied",
        quoted(f"User {user} may not use {path}.", quote),
        f"The application runs as {user}. What it reads must be readable for that user, and each"
        " folder above it enterable; what it writes belongs below var/. Who may do what:",
        [f"namei -l {shlex.quote(path)}"],
    )


@example("apache", "/srv/blog/blog.wsgi", "(13)Permission denied: WSGI0106")
def selinux_denied(user: str, path: str, quote: str) -> Problem:
    where = shlex.quote(str(Path(path).parent if Path(path).suffix else path))
    label = "httpd_sys_rw_content_t" if "var" in Path(path).parts[2:] else "httpd_sys_content_t"
    return Problem(
        "selinux-denied",
        quoted(f"SELinux refuses {path} to {user}, although the permissions allow it.", quote),
        "It goes by labels. httpd_sys_content_t may be read, httpd_sys_rw_content_t written, and"
        " what is loaded as code is httpd_sys_script_exec_t.",
        [
            f"sudo semanage fcontext -a -t {label} '{where}(/.*)?' && sudo restorecon -R {where}",
            "sudo ausearch -m avc -ts recent",
        ],
    )


@example(5, "exited with status 3", "")
def crash_loop(count: int, how: str, quote: str) -> Problem:
    return Problem(
        "crash-loop",
        quoted(f"{count} processes died one after the other; the last {how}.", quote),
        "None lived long enough to serve, so the server was stopped instead of starting more.",
        ["./run logs -n 50", "./run dev"],
    )


@example(60, "")
def too_slow(limit: int, quote: str) -> Problem:
    return Problem(
        "start-too-slow",
        quoted(f"No answer within {limit} seconds (START_LIMIT).", quote),
        "Apache runs and nothing died: the application is still being loaded, or the machine is"
        " too busy.",
        [f"START_LIMIT={2 * limit} ./run", "./run logs -n 50"],
    )
