"""What a running server needs and has lost, and the command that restores it."""

from contextlib import suppress
from pathlib import Path

from ..apache import processes, state
from ..apache.state import State
from ..config.project import Project
from ..doctor import check_machine, check_places, check_settings
from ..machine import files
from ..problems.problem import Problem
from ..setup import environments


def of_a_server(project: Project, root: Path, started: State, answers: bool) -> list[str]:
    """What a running server has lost, in a sentence each.

    :param answers: Whether its application does.
    """
    unready = of_a_start(project)
    still = check_machine.standing_still(root)
    if lost := _needed(root, started, unready):
        return [*filter(None, [still]), lost]
    reason = unready or ("" if answers else _obstacle(project, started))
    return list(filter(None, [still, reason, _static_files(started), of_logs(started)]))


def of_a_start(project: Project) -> str:
    """Why a start, and a replaced process, would fail, as far as quick checks show."""
    try:
        environments.verify(project)
        check_settings.check_wsgi_file(project.wsgi_file)
    except Problem as problem:
        return _told(problem)
    except (OSError, RuntimeError) as error:  # such as a link that leads to itself
        return f"The environment cannot be used: {error}"
    return ""


def _needed(root: Path, started: State, unready: str) -> str:
    """Without these Apache cannot reach the application."""
    try:
        state.refuse_moved(root)
        processes.refuse_incomplete(root)
    except Problem as problem:
        what, command = problem.what, problem.remedy[0]
    else:
        gone = [path for path in started.environments if not Path(path).exists()]
        if not gone:
            return ""
        what, command = f"The server runs from {gone[0]}, which is gone.", "./run restart"
    if unready and "./run setup" not in command:
        command = f"./run setup && {command}"
    return f"{what} Type {command}"


def _obstacle(project: Project, started: State) -> str:
    """Why a start would be refused, according to the checks before it."""
    from ..doctor.checklist import SERVE, before  # here, because it is much, and seldom needed
    from ..doctor.facts import Facts

    with suppress(ImportError, OSError):  # some need packages, and files that not everybody reads
        try:
            before(SERVE, Facts(project, started.given))
        except Problem as problem:
            return _told(problem)
    return ""


def _static_files(started: State) -> str:
    folder = started.static_folder
    if not folder or Path(folder).is_dir():
        return ""
    return f"The folder of the static files is gone: {folder}. Put it back, or type ./run restart"


def of_logs(started: State) -> str:
    """Why what a server that runs says is not logged."""
    logs = started.log_folder
    if not logs:
        return ""
    if not logs.exists():
        return f"{check_places.named(logs)} is gone, and what is logged is lost. Type ./run reload"
    if not logs.is_dir():
        aside = f"mv {logs} {logs}.$(date +%s) && ./run reload"
        return f"{check_places.named(logs)} is no folder, and what is logged is lost. Type {aside}"
    if not files.has_reader(Path("/proc", str(started.pid), "fd", "2")):
        return "The process that writes the logs was killed. Type ./run restart"
    return ""


def _told(problem: Problem) -> str:
    return f"{problem.what.splitlines()[0]} Type {problem.remedy[0]}"
