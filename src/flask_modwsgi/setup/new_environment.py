"""Builds an environment: the packages of the project, and what runs Apache."""

import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

from .. import problems
from . import built, environments, installers, requirements, wheel_cache
from .plan import Plan
from .progress import INSTALLATION, Progress


def phases(plan: Plan) -> list[str]:
    """The phases of `build`, to show them."""
    packages = [file.name for file in requirements.files(plan.project, plan.development)]
    compiled = [] if wheel_cache.kept(plan) else wheel_cache.phases(plan.apache)
    return ["environment", *packages, *compiled, INSTALLATION]


def build(plan: Plan, wanted: environments.Recipe, progress: Progress) -> Path:
    """Make the environment that `wanted` describes; return its folder.

    Nothing is left of it if that fails.

    :raises Problem: something could not be downloaded, built or installed.
    """
    project = plan.project
    requirements.refuse_own(project, plan.development)
    target = environments.new_folder(project)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Until it is complete: uv leaves a lock that everybody could take, and would wait for ever.
        target.mkdir(0o700)
        installers.create(project, plan.python, target)
        for file in requirements.files(project, plan.development):
            progress.begin(file.name)
            # pip checks hashes if there are any, uv only with an option.
            hashes = ["--require-hashes"] if requirements.are_hashed(file) else []
            options = (*hashes, f"--requirement={file}")
            installers.install(project, f"Installing {file.name}", target, *options)
        _install_server(plan, target, progress)
        # An installer's cache may have files that were made with another umask; uv's lock is one that
        # everybody can write.
        subprocess.run(["chmod", "-R", "a+rX,go-w", target])
        packages = built.versions(target / "bin" / "python")
        packages.pop("pip", None)  # a server does not need it
        facts = {"recipe": asdict(wanted), "packages": packages}
        environments.record(target).write_text(f"{json.dumps(facts, indent=2)}\n", encoding="utf-8")
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return target


def _install_server(plan: Plan, target: Path, progress: Progress) -> None:
    """Install what runs Apache; what the project has pinned stays as it is.

    :raises Problem: the project's packages do not fit.
    """
    installed = built.versions(target / "bin" / "python")
    if own := sorted(installed.keys() & set(requirements.OWN)):
        raise problems.requirements_own(own, "requirements.txt")
    if "flask" not in installed:
        raise problems.flask_missing()
    if found := requirements.conflicts(requirements.needs(), requirements.provided() | installed):
        raise problems.packages_conflict(found)
    built_here = wheel_cache.obtain(plan, target, progress)
    progress.begin(INSTALLATION)
    wheels = [*built_here, environments.own_wheel(plan.project)]
    rows = [f"{wheel} --hash=sha256:{wheel_cache.sha256(wheel)}\n" for wheel in wheels]
    file = target / "server.txt"
    file.write_text(requirements.lacking(installed) + "".join(rows), encoding="utf-8")
    options = ("--no-deps", "--require-hashes", f"--requirement={file}")
    installers.install(plan.project, "Installing mod_wsgi", target, *options)
