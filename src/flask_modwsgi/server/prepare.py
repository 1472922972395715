"""``./run setup``: choose, build, check, test, and say what to type next."""

import json
import os
import re
import secrets
import subprocess
import textwrap
import time
from pathlib import Path
from typing import Any

from .. import problems
from ..apache import processes, state
from ..config import reference
from ..config.project import Project
from ..doctor import check_places
from ..doctor.checklist import SETUP, before
from ..doctor.facts import Facts
from ..machine import accounts, data_folder, files
from ..machine.accounts import Account
from ..machine.times import duration
from ..problems import systems
from ..problems.problem import Problem
from ..setup import (
    apaches,
    built,
    environments,
    interpreters,
    new_environment,
    requirements,
    wheel_cache,
)
from ..setup.progress import REQUEST, Progress, say
from . import locks

SMOKE_TEST = "flask_modwsgi.server.smoke_test"
PATIENCE = 900.0  # seconds that a setup waits for another one, which may compile Apache


def setup(
    project: Project,
    apache: str | None = None,
    rebuild: bool = False,
    development: bool = True,
) -> int:
    """Make the environment ready; does nothing that is already done.

    The environment in use keeps working until a new one is complete and has answered a request.

    :param apache: auto, system or bundled; None for the answer given at generation.
    :param rebuild: Build again even if nothing changed.
    :param development: Install the development tools too.
    :raises Problem: something is missing; the files stay, and it can be called again.
    """
    started = time.monotonic()
    # The application's user reads what is made here, whatever this user's umask keeps from it.
    os.umask(0o022)
    facts = Facts(project)
    before(SETUP, facts)
    with locks.held(project, "setup", PATIENCE):
        python, passed_over = interpreters.choose(project, facts.account)
        chosen, lacking = apaches.choose(apache or project.apache)
        say("Python", f"{python.label}  {python.path}")
        for path, reason in passed_over:
            say("", f"passed over {path}:\n{reason}")
        say("Apache", f"{chosen.version}  {chosen.kind}")
        wanted = environments.recipe(project, python, chosen, development)
        found = None if rebuild else environments.find(project, wanted)
        if not found:
            _check_build(project, chosen, lacking, python, rebuild)
        phases = [] if found else new_environment.phases(project, python, chosen, wanted, rebuild)
        with Progress([*phases, REQUEST]) as progress:
            new = Project(
                project.root,
                found or new_environment.build(project, python, chosen, wanted, progress, rebuild),
            )
            progress.begin(REQUEST)
            made = built.built(new.python)
            if findings := built.findings(made, facts.account):
                raise problems.build_broken(findings)
            make_env_file(project, facts.account)
            data_folder.make(project.data, facts.account)
            locks.share(project, "server", facts.account)
            # Flask's instance folder of a package in the project, and of one that is installed.
            data_folder.link(project.package.parent / "instance", project.data)
            data_folder.link(new.environment / "var", project.data)
            if not environments.is_usable(project):
                # There is nothing to lose, and a project that cannot be served yet needs its tools.
                _put_to_use(project, new.environment)
            proof = _prove(new)
        _put_to_use(project, new.environment)
    print()
    error, notes = proof["error"], proof["notes"]
    took = duration(time.monotonic() - started)
    answered = textwrap.fill(f"in {took}: {proof['answered']}", 71, break_on_hyphens=False)
    say("Built" if error else "Ready", answered)
    say(
        "",
        f"Apache {chosen.version} ({chosen.kind}), mod_wsgi {made.version}, Python {python.label}",
    )
    if not requirements.are_hashed(project.root / "requirements.txt"):
        notes.insert(0, "requirements.txt has no hashes, so downloads were not verified")
    for note in notes:
        say("Note", textwrap.fill(note, 71))
    if error:
        say("Error", textwrap.fill(error, 71))
        say("Next", "./run dev                             the error in the browser")
        say("", "./run start && ./run logs --errors    or in the log")
    else:
        say("Next", "./run        serve it        ./run dev    serve and reload")
    say("", f"in {project.root}")
    return 0


def _check_build(
    project: Project,
    chosen: apaches.Apache,
    lacking: list[str],
    python: interpreters.Interpreter,
    rebuild: bool,
) -> None:
    """Make room, and check that everything is there that a build needs."""
    environments.prune(project, _served(project))  # what a killed setup left
    check_places.check_build_space(project)
    if rebuild or not wheel_cache.cached(project, chosen, python):
        if missing := apaches.missing_tools(chosen, python):
            raise problems.build_tools_missing(chosen.kind, missing)
        if chosen.kind == "bundled":
            say("", "is compiled now, once for this machine: 2 to 5 minutes")
            if lacking:
                say("", f"because {'; '.join(lacking)}; to avoid that:")
                say("", systems.install("system"))


def _put_to_use(project: Project, environment: Path) -> None:
    """Switch to an environment, and keep the one before and those that a server runs from."""
    if environment == project.venv.resolve():
        return
    if aside := environments.put_to_use(project, environment):
        say("", f".venv was not made by setup; it is renamed to {aside.name}")
    served = _served(project)
    environments.prune(project, served)
    if served:
        # A reload is refused where Apache itself would have to be another one.
        verb = "restart" if environments.restart_reasons(served[0], environment) else "reload"
        say("", f"./run {verb} gives the running server the new environment")


def _served(project: Project) -> list[Path]:
    """The environments that a server of this project may run from."""
    root = state.root(project)
    found = state.read(root).environments if processes.all_of(root) else []
    return [Path(path) for path in found]


def make_env_file(project: Project, account: Account) -> None:
    """Make ``.env`` from ``.env.example``, with a random secret; never change an existing one.

    Where there is no example, there are the defaults.

    Root's one has the account that ``RUN_USER`` names. It may read the file, as a service that it runs
    does, if it has a group of its own.
    """
    file = project.env_file.resolve()  # releases share one through a link
    if file.exists():
        return
    example = project.root / ".env.example"
    text = example.read_text("utf-8") if example.exists() else reference.env_example(8000, "/")
    own = {"FLASK_SECRET_KEY": secrets.token_hex(32)}
    is_named = bool(os.environ.get("RUN_USER")) and not account.is_me
    if is_named:
        own["RUN_USER"] = account.user
    for name, value in own.items():
        text, found = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        if not found:  # the project had an example of its own
            text = f"{text.rstrip()}\n\n{name}={value}\n".lstrip()
    files.write(file, text, 0o600)
    if is_named and accounts.has_own_group(account):
        os.chown(file, -1, account.gid)
        file.chmod(0o640)


def _prove(project: Project) -> dict[str, Any]:
    """A `smoke_test.Proof` from the new environment, which has the packages this one lacks."""
    words = (project.python, "-I", "-m", SMOKE_TEST, project.root)
    process = subprocess.Popen(words, cwd=project.root, stdout=subprocess.PIPE, text=True)
    try:
        told, _ = process.communicate()
    except BaseException:
        process.terminate()  # it stops the Apache that it has started
        process.wait()
        raise
    try:
        if process.returncode == 0:
            return dict(json.loads(told))
        raise Problem.from_json(told)
    except ValueError:
        ended = f"the proof ended with exit status {process.returncode}"
        raise problems.build_broken([ended]) from None
