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
from ..config import env_file, mistakes, reference
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
from ..setup.plan import Plan
from ..setup.progress import REQUEST, Progress, say
from . import locks

SMOKE_TEST = "flask_modwsgi.server.smoke_test"


def setup(
    project: Project, apache: str | None = None, rebuild: bool = False, development: bool = True
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
    account = facts.account
    with locks.held(project, "setup", wheel_cache.PATIENCE):
        plan, lacking = _chosen(project, account, apache or project.apache, development, rebuild)
        wanted = environments.recipe(plan)
        found = None if rebuild else environments.find(project, wanted)
        if not found:
            _check_build(plan, lacking)
        phases = [] if found else new_environment.phases(plan)
        with Progress([*phases, REQUEST]) as progress:
            environment = found or new_environment.build(plan, wanted, progress)
            progress.begin(REQUEST)
            new = Project(project.root, environment)
            made = _completed(new, account)
            locks.share(project, "server", account)
            if not environments.is_usable(project):
                # There is nothing to lose, and a project that cannot be served yet needs its tools.
                _put_to_use(project, environment)
            proof = _prove(new)
        _put_to_use(project, environment)
    _say_outcome(plan, made.version, proof, time.monotonic() - started)
    return 0


def _chosen(
    project: Project, account: Account, kind: str, development: bool, rebuild: bool
) -> tuple[Plan, list[str]]:
    """What is to be built, and what the installed Apache lacks if that is why it was not taken.

    :raises Problem: there is no Python or no Apache to choose.
    """
    python, passed_over = interpreters.choose(project, account)
    apache, lacking = apaches.choose(kind)
    say("Python", f"{python.label}  {python.path}")
    for path, reason in passed_over:
        say("", f"passed over {path}:\n{reason}")
    say("Apache", f"{apache.version}  {apache.kind}")
    return Plan(project, python, apache, development, rebuild), lacking


def _check_build(plan: Plan, lacking: list[str]) -> None:
    """Make room, and check that everything is there that a build needs."""
    project, kind = plan.project, plan.apache.kind
    if not project.env_file.exists():
        _example(project)
    environments.prune(project, _served(project))  # what a killed setup left
    check_places.check_build_space(project)
    if wheel_cache.kept(plan):
        return
    if missing := apaches.missing_tools(plan.apache, plan.python):
        raise problems.build_tools_missing(kind, missing)
    if kind == "bundled":
        say("", "is compiled now, once for this machine: 2 to 5 minutes")
        if lacking:
            say("", f"because {'; '.join(lacking)}; to avoid that:")
            say("", systems.install("system"))


def _completed(new: Project, account: Account) -> built.Built:
    """What the new environment has, with all else there that serving takes.

    :raises Problem: it cannot be used.
    """
    made = built.built(new.python)
    if findings := built.findings(made, account):
        raise problems.build_broken(findings)
    make_env_file(new, account)
    data_folder.make(new.data, account)
    # Flask's instance folder of a package in the project, and of one that is installed.
    data_folder.link(new.import_folder / "instance", new.data)
    data_folder.link(new.environment / "var", new.data)
    return made


def _say_outcome(plan: Plan, mod_wsgi: str, proof: dict[str, Any], seconds: float) -> None:
    error, notes, refused = proof["error"], proof["notes"], proof["refused"]
    apache = plan.apache
    print()
    answered = f"in {duration(seconds)}: {proof['answered']}"
    word = "Built" if error or refused else "Ready"
    say(word, textwrap.fill(answered, 71, break_on_hyphens=False))
    parts = f"mod_wsgi {mod_wsgi}, Python {plan.python.label}"
    say("", f"Apache {apache.version} ({apache.kind}), {parts}")
    if not requirements.are_hashed(plan.project.root / "requirements.txt"):
        notes.insert(0, "requirements.txt has no hashes, so downloads were not verified")
    if exposed := mistakes.exposed(plan.project.env_file):
        notes.insert(0, exposed)
    for note in notes:
        say("Note", textwrap.fill(note, 71))
    if refused:
        say("Error", textwrap.fill(f"{refused['what']} ./run would refuse to start.", 71))
        say("Next", "\n".join(refused["type"]))
    if error:
        say("Error", textwrap.fill(error, 71))
        say("Next", "./run dev                             the error in the browser")
        say("", "./run start && ./run logs --errors    or in the log")
    elif not refused:
        say("Next", "./run        serve it        ./run dev    serve and reload")
    say("", f"in {plan.project.root}")


def _put_to_use(project: Project, environment: Path) -> None:
    """Switch to an environment, and keep the one before and those that a server runs from."""
    if environment == Path(os.path.realpath(project.venv)):
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
    text = _example(project)
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


def _example(project: Project) -> str:
    """What ``.env`` is made from.

    :raises Problem: it is no text in UTF-8.
    """
    file = project.root / ".env.example"
    return env_file.decoded(file) if file.exists() else reference.env_example(8000, "/")


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
