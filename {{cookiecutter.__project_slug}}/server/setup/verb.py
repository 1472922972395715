"""``./run setup``: choose, build, check, prove, and say what to type next."""

import os
import secrets
import subprocess
import time

from .. import problems, project
from ..doctor.checks import SETUP, before
from ..doctor.facts import Facts
from ..machine import systems
from ..problem import Problem
from . import apaches, checks, environment, interpreters, telemetry, wheels
from .progress import clock


def setup(apache: str | None = None, rebuild: bool = False) -> int:
    """Make the environment ready; does nothing that is already done.

    :param apache: auto, system or bundled; None for the answer given at generation.
    :param rebuild: Build again even if nothing changed.
    :raises Problem: something is missing; the files stay, and it can be called again.
    """
    started = time.monotonic()
    facts = Facts()
    before(SETUP, facts)
    account = facts.account
    python, passed_over = interpreters.choose(account)
    chosen, lacking = apaches.choose(apache or project.load().apache)
    say("Python", f"{python.label}  {python.path}")
    for path, reason in passed_over:
        say("", f"passed over {path}:\n{reason}")
    say("Apache", f"{chosen.version}  {chosen.kind}")
    if rebuild or environment.recorded() != environment.recipe(python, chosen):
        _build(chosen, lacking, python)
    made = checks.built()
    if findings := checks.findings(made, account):
        raise problems.build_broken(findings)
    make_env_file()
    if telemetry.wanted():
        telemetry.install()
    proof = _prove()
    print()
    say("Ready", f"in {clock(time.monotonic() - started)}: {proof}")
    say(
        "",
        f"Apache {chosen.version} ({chosen.kind}), mod_wsgi {made.version}, Python {python.label}",
    )
    say("Next", "./run        serve it        ./run dev    serve and reload")
    return 0


def _build(chosen: apaches.Apache, lacking: list[str], python: interpreters.Interpreter) -> None:
    if not wheels.cached(chosen, python):
        if missing := apaches.missing_tools(chosen, python):
            raise problems.tools_missing(chosen.kind, missing)
        if chosen.kind == "bundled":
            say("", "is compiled now, once for this machine: 2 to 5 minutes")
            if lacking:
                say("", f"because {'; '.join(lacking)}; to avoid that:")
                say("", systems.install("system"))
    environment.build(python, chosen)


def make_env_file() -> None:
    """Make ``.env`` from ``.env.example``, with a secret of its own; never change an old one."""
    if project.ENV_FILE.exists():
        return
    example = (project.ROOT / ".env.example").read_text(encoding="utf-8")
    secret = f"FLASK_SECRET_KEY={secrets.token_hex(32)}"
    text = example.replace("FLASK_SECRET_KEY=", secret)
    descriptor = os.open(project.ENV_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _prove() -> str:
    """Ask the server in the new environment, which has the packages this one lacks."""
    done = subprocess.run(
        [project.PYTHON, "-m", "server.proof"], cwd=project.ROOT, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        try:
            raise Problem.from_json(done.stdout)
        except ValueError:
            ended = f"the proof ended with exit status {done.returncode}"
            raise problems.build_broken([ended]) from None
    return done.stdout.strip()


def say(label: str, text: str) -> None:
    """A label and one line or more, the block that setup prints."""
    for number, line in enumerate(text.splitlines()):
        print(f"{label if number == 0 else '':<9}{line}", flush=True)
