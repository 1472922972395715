"""``./run`` and ``flask-modwsgi``: parses the command line and reports what went wrong.

With the standard library alone, because ``./run setup`` runs before anything is installed.
"""

import contextlib
import os
import shlex
import signal
import stat
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from .. import __version__
from ..apache import releases
from ..config import time_zone
from ..config.project import Project
from ..machine import files, trust
from ..problems import no_project, packages_differ, unforeseen
from ..problems.problem import Problem, tell
from ..server import still_serving
from ..terminal import printable
from . import command_line


def main(arguments: Sequence[str], prog: str = "./run") -> int:
    """Run one verb; the exit status is 0, or 1 after a problem, or 2 for a wrong command.

    :param prog: The command as it is typed.
    """
    begins_with_json = arguments[:1] == ["--json"]
    rest = arguments[begins_with_json:]
    is_foreign = command_line.passes_words(rest)  # another program may have an option --json
    as_json = begins_with_json or ("--json" in rest and not is_foreign)
    words = [word for word in rest if is_foreign or word != "--json"]
    prepare_process()
    here = Path.cwd()
    root = here if words[:1] == ["init"] else find_root(here)
    project = Project(root, link=releases.link_to(root, os.environ.get("PWD", "")))
    try:
        with _written_output():
            return _run(project, words, prog, as_json)
    except Problem as problem:
        return _tell_refusal(problem, words, prog, as_json)
    except BrokenPipeError:  # the reader of our output has closed it
        return 0
    except OSError as error:
        from ..doctor.check_places import refusal

        return _tell_refusal(refusal(error, project.var, project.root), words, prog, as_json)
    except ModuleNotFoundError as error:
        tell(packages_differ([f"{error.name} is missing"]), as_json)
    except KeyboardInterrupt as interrupt:
        with contextlib.suppress(OSError):
            print("\nInterrupted.", file=sys.stderr)
        return 128 + next(iter(interrupt.args), int(signal.SIGINT))
    except Exception as error:
        from ..doctor.finding import described

        keep(project, error)
        tell(unforeseen(described(error)), as_json)
    return 1


def _run(project: Project, words: Sequence[str], prog: str, as_json: bool) -> int:
    """Run what the words say, if it may be run here.

    :raises Problem: what it raises, or it may not.
    """
    if words[:1] == ["--version"]:
        print(versions(project))
        return 0
    project = releases.recognised(project)
    if words[:1] == ["--completion"]:
        print(command_line.completing(words[1:], prog), end="")
        return 0
    verb, options = command_line.read(words, prog)
    if "project" in verb.needs and not is_project(project.root):
        from ..setup import adopt

        raise no_project(project.root, adopt.command())
    if verb.prints_json:
        options["as_json"] = as_json
    told = still_serving.told(project) if verb.tells_what_serves else contextlib.nullcontext()
    with told:
        if "trust" in verb.needs:
            from ..doctor import check_trust

            check_trust.check(project, shlex.join([prog, *words]))
        time_zone.take(project)
        if "environment" in verb.needs:
            from ..setup import environments

            environments.verify(project)
        return verb.run(project, options)


@contextlib.contextmanager
def _written_output() -> Iterator[None]:
    """Write all output here, where a failure can be told; Python would do it at the very end."""
    try:
        yield
        sys.stdout.flush()
    finally:
        try:
            sys.stdout.flush()
        except OSError:  # what is left goes nowhere, so that Python does not fail at it again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_refusal(problem: Problem, words: Sequence[str], prog: str, as_json: bool) -> int:
    """Print the problem; return the exit status."""
    is_wrong_command = problem.slug == "command-wrong"
    if is_wrong_command and not as_json:
        with contextlib.suppress(OSError):
            print(command_line.told(problem), file=sys.stderr)
    else:
        tell(command_line.typed_again(problem, words, prog), as_json)
    return 2 if is_wrong_command else 1


def prepare_process() -> None:
    """Have streams, signals, umask and home be as all verbs count on, however this was started."""
    open_streams()
    # A shell has a path of its own where there is none, but exports it to nobody.
    os.environ.setdefault("PATH", os.defpath)
    # Python ignores SIGINT where a script started it with "&"; a build must be ended all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    # Whatever is made from here on, by Apache and the application too, is not writable by everybody,
    # by no group if it is root's, and its owner can use it.
    others = stat.S_IWOTH if os.geteuid() else stat.S_IWOTH | stat.S_IWGRP
    os.umask((os.umask(0o022) | others) & ~stat.S_IRWXU)
    trust.leave_foreign_home()


def _terminate(number: int, frame: FrameType | None) -> None:
    """End what is under way, as at Ctrl-C."""
    raise KeyboardInterrupt(number)


def open_streams() -> None:
    """Open standard input, output and error if the caller has closed them.

    What is opened next would get their numbers, and what Apache and others print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the lowest number that is free is its own
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def run(prog: str = "") -> None:
    """The console script ``flask-modwsgi``; also ``python -m flask_modwsgi``, which ``./run`` calls.

    :param prog: The command as it is typed; otherwise the name of the script.
    """
    try:
        os.getcwd()
    except OSError:  # it was removed, or replaced by another of its name, as by a deployment
        again = printable(shlex.quote(os.environ.get("PWD", "/")))
        sys.exit(
            f"The folder in which you are is gone. If there is another of its name: cd {again}"
        )
    if os.geteuid() == 0 and "looked" not in sys._xoptions and sys.argv[1:2] != ["init"]:
        _let_run_look()
    sys.exit(main(sys.argv[1:], prog or Path(sys.argv[0]).name))


def _let_run_look() -> None:
    """Where root called this past ``./run`` of a project, go through it: it looks at what root runs.

    It is this package's own, because the project's may be missing, or of another user.
    """
    root = find_root(Path.cwd())
    if is_project(root):
        from ..setup import adopt

        entered = releases.link_to(root, os.environ.get("PWD", "")) or root
        script = adopt.run_script()
        os.execv("/bin/sh", ["sh", "-c", script, str(entered / "run"), *sys.argv[1:]])


def versions(project: Project) -> str:
    """The version of this package, and the one that the project was made with, if that is known."""
    lines = [f"flask-modwsgi {__version__}"]
    with contextlib.suppress(Problem):
        if project.made_with:
            lines.append(f"This project was made with flask-modwsgi {project.made_with}.")
    return "\n".join(lines)


def find_root(folder: Path) -> Path:
    """The project's folder: this one, or the nearest above it with ``[tool.flask-modwsgi]``.

    It is also told by its ``run`` and ``var/``, so that a broken ``pyproject.toml`` does not keep a
    server from being stopped, or have another project's one stopped that lies around this one.
    """
    return next(filter(is_project, (folder, *folder.parents)), folder)


def is_project(folder: Path) -> bool:
    """Whether it is the folder of one."""
    if (folder / "run").is_file() and any((folder / name).is_dir() for name in ("var", "wheels")):
        return True
    with contextlib.suppress(OSError):
        return b"[tool.flask-modwsgi]" in files.source(folder / "pyproject.toml")
    return False


def keep(project: Project, error: Exception) -> None:
    """Put the traceback where ``./run doctor --report`` finds it."""
    with contextlib.suppress(OSError):
        lines = traceback.format_exception(error)
        files.write(trust.made_folder(project.logs) / "fault.log", "".join(lines), 0o600)
