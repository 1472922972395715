"""Every check, in the order of the table: a check comes after those that it depends on."""

from collections.abc import Iterable

from . import (
    check_environment,
    check_machine,
    check_macos,
    check_page,
    check_places,
    check_settings,
    check_trust,
)
from .facts import Facts
from .finding import Check, Finding

# Serve: whatever starts Apache, and reload. Load: what doctor does with the application.
SETUP, SERVE, LOAD = "setup", "serve", "load"

CHECKS = (
    Check("folder", check_places.folder, (SETUP, SERVE)),
    Check("trust", check_trust.trust_of, (LOAD,)),
    Check("writable", check_places.writable, (SETUP, SERVE)),
    Check("ownership", check_places.ownership, (SETUP, SERVE)),
    Check("disk", check_places.space),
    Check("build space", check_places.build_space, (SETUP,)),
    Check("environment", check_environment.made, (SERVE,)),
    Check(".env", check_settings.env_file),
    Check("settings", check_settings.settings, (SERVE,)),
    Check("own directives", check_trust.included, (SERVE,)),
    Check("secret", check_settings.secret),
    Check("certificate", check_settings.certificate, (SERVE,)),
    Check("run user", check_settings.run_user, (SERVE,)),
    Check("build tools", check_environment.builders),
    Check("Python", check_environment.python, (SERVE,)),
    Check("packages", check_environment.packages, (LOAD,)),
    Check("Apache", check_environment.apache, (SERVE,)),
    Check("modules", check_environment.modules, (SERVE,)),
    Check("mod_wsgi", check_environment.module),
    Check("macOS tools", check_macos.tools),
    Check("macOS Python", check_macos.python, (SERVE,)),
    Check("macOS Apache", check_macos.apache, (SERVE,)),
    Check("macOS libraries", check_macos.linking),
    Check("folder reach", check_environment.folder_reach, (SETUP,)),
    Check("reach", check_environment.reach, (SERVE,)),
    Check(".wsgi file", check_settings.wsgi_file, (LOAD,)),
    Check("static files", check_settings.static_folder),
    Check("first page", check_page.page),
    Check("content types", check_settings.mime_types),
    Check("socket", check_places.sockets, (SERVE,)),
    Check("logs", check_places.logs),
    Check("leftovers", check_machine.leftovers),
    Check("port", check_machine.port),
    Check("open files", check_machine.open_files, (SERVE,)),
    Check("processes", check_machine.tasks),
    Check("memory", check_machine.memory),
    Check("SELinux", check_machine.selinux),
    Check("clock", check_settings.clock),
    Check("time zone", check_settings.timezone),
    Check("locale", check_settings.language),
)


def obstacle(found: Iterable[Finding]) -> str:
    """The first check that found why the application cannot be loaded; empty where none did."""
    needed = {check.name for check in CHECKS if {LOAD, SERVE} & set(check.before)}
    return next((one.check for one in found if one.problem and one.check in needed), "")


def before(verb: str, facts: Facts) -> None:
    """Run the checks that concern a verb.

    :raises Problem: the first there is.
    """
    for check in CHECKS:
        if verb in check.before:
            check.look(facts)
