"""Every check, in the order of the table: what others build on comes first."""

from collections.abc import Iterator

from ..problem import Problem
from . import configuration, environment, machine, macos, places
from .check import Check, Finding, run
from .facts import Facts

SETUP, SERVE = "setup", "serve"  # serve: whatever starts Apache, and reload

CHECKS = (
    Check("folder", places.folder, (SETUP, SERVE)),
    Check("writable", places.writable, (SETUP, SERVE)),
    Check("disk", places.space),
    Check("build space", places.build_space, (SETUP,)),
    Check("environment", environment.made, (SERVE,)),
    Check(".env", configuration.env_file),
    Check("settings", configuration.settings, (SERVE,)),
    Check("secret", configuration.secret),
    Check("certificate", configuration.certificate, (SERVE,)),
    Check("run user", configuration.run_user, (SERVE,)),
    Check("build tools", environment.builders),
    Check("Python", environment.python, (SERVE,)),
    Check("libpython", environment.libpython, (SERVE,)),
    Check("packages", environment.packages),
    Check("Apache", environment.apache, (SERVE,)),
    Check("modules", environment.modules, (SERVE,)),
    Check("mod_wsgi", environment.module),
    Check("shell", machine.shell, (SERVE,)),
    Check("macOS tools", macos.tools),
    Check("macOS Python", macos.python, (SERVE,)),
    Check("macOS Apache", macos.apache, (SERVE,)),
    Check("macOS libraries", macos.linking),
    Check("folder reach", environment.folder_reach, (SETUP,)),
    Check("reach", environment.reach, (SERVE,)),
    Check(".wsgi file", configuration.wsgi_file),
    Check("static files", configuration.static_folder),
    Check("content types", configuration.mime_types),
    Check("socket", places.sockets, (SERVE,)),
    Check("logs", places.logs),
    Check("leftovers", machine.leftovers),
    Check("address", machine.address),
    Check("port", machine.port),
    Check("open files", machine.open_files),
    Check("processes", machine.tasks),
    Check("memory", machine.memory),
    Check("SELinux", machine.selinux),
    Check("clock", configuration.clock),
    Check("time zone", configuration.timezone),
    Check("locale", configuration.language),
)


def findings(facts: Facts) -> Iterator[Finding]:
    """What all checks found."""
    return run(CHECKS, facts)


def before(verb: str, facts: Facts) -> None:
    """Run the checks that concern a verb.

    :raises Problem: the first there is.
    """
    for check in CHECKS:
        if verb in check.before:
            check.look(facts)


def problems_of(found: list[Finding]) -> list[Problem]:
    return [finding.problem for finding in found if finding.problem]
