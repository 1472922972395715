"""Builds mod_wsgi, and keeps what was built for the next project on this machine."""

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .. import problems
from ..config.project import Project
from ..machine import capacity, lock_files, trust
from . import commands, installers, pins
from .apaches import Apache, optional_headers
from .interpreters import Interpreter
from .plan import Plan
from .progress import PHASES, TOOLS, Progress, say

# What is built for each kind of Apache, in this order.
STEPS = {"bundled": ("bundled-httpd", "bundled"), "system": ("system",)}
PATIENCE = 900.0  # seconds that a setup waits for another one, which may compile Apache
MEMORY_PER_JOB = 512 * 1024 * 1024


def cache_folder(project: Project) -> Path:
    """The user's cache directory, or the project's own ``var`` where there is none to write to.

    https://specifications.freedesktop.org/basedir-spec/latest/

    :raises Problem: others can change the project's, and root would install what is there.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(base) / "flask-modwsgi"
    try:
        trust.made_folder(folder, 0o700)
        private = folder.stat().st_uid == os.geteuid() and os.access(folder, os.W_OK)
    except OSError:  # such as where sudo has kept the HOME of another user
        private = False
    if private:
        return folder
    own = project.var / "cache"
    if os.geteuid() == 0 and (found := trust.first_foreign([own, *own.glob("wheels/*/*")])):
        raise problems.project_untrusted(*found, project.root, "", rebuilt=own)
    return own


def key(apache: Apache, python: Interpreter) -> str:
    """A digest of everything that a wheel depends on."""
    compiler = python.compiler.split()[0]
    facts = {
        "pins": [pins.text(step) for step in STEPS[apache.kind]],
        "python": [str(python.path.resolve()), python.version, python.soabi],
        "apache": [apache.kind, apache.version, str(apache.apxs)],
        "modules": optional_headers(compiler) if apache.kind == "bundled" else (),
        "system": [platform.machine(), *platform.libc_ver(), *_release()],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _release() -> list[str]:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return [platform.system(), platform.release()]
    return [release.get("ID", ""), release.get("VERSION_ID", "")]


def cached(project: Project, apache: Apache, python: Interpreter) -> list[Path]:
    """The wheels kept for this machine state, in the order to install them; empty if none.

    A folder whose contents do not match their recorded hashes counts as none.
    """
    folder = cache_folder(project) / "wheels" / key(apache, python)
    try:
        record: dict[str, str] = json.loads((folder / "wheels.json").read_text())
        intact = all(sha256(folder / name) == digest for name, digest in record.items())
    except (OSError, ValueError):
        return []
    return [folder / name for name in record] if intact else []


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def phases(apache: Apache) -> list[str]:
    """The phases of building for this Apache."""
    return [TOOLS, *(PHASES if apache.kind == "bundled" else ["mod_wsgi"])]


def kept(plan: Plan) -> list[Path]:
    """The wheels that need not be built, in the order to install them."""
    return [] if plan.rebuild else cached(plan.project, plan.apache, plan.python)


def obtain(plan: Plan, venv: Path, progress: Progress) -> list[Path]:
    """The wheels to install, from the cache or built now.

    Two setups at once build once: the second waits for the first.

    :raises Problem: the build failed, or that of another setup takes too long.
    """
    cache = cache_folder(plan.project)
    trust.made_folder(cache, 0o700)
    folder = cache / "wheels"
    folder.mkdir(exist_ok=True)
    name = key(plan.apache, plan.python)
    with _locked(folder / f"{name}.lock"):
        if wheels := kept(plan):
            return wheels
        for left in folder.glob(f"{name}.building*"):  # by a build that was killed
            shutil.rmtree(left, ignore_errors=True)
        # A new name each time, as what a killed build has started may still write to the old one.
        with tempfile.TemporaryDirectory(
            dir=folder, prefix=f"{name}.building", ignore_cleanup_errors=True
        ) as work:
            built = _build(plan, venv, Path(work), progress)
            return _keep(built, folder / name)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the lock of a file that no other user can open, who could keep it for ever.

    :raises Problem: another process still has it after `PATIENCE`.
    """
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        whose = "Another ./run command of this user is building mod_wsgi"
        lock_files.take(lock, file, PATIENCE, partial(say, ""), whose)
        yield
    finally:
        os.close(lock)


def _build(plan: Plan, venv: Path, work: Path, progress: Progress) -> list[Path]:
    """Build with the base interpreter itself, not the virtual environment's.

    mod_wsgi's ``setup.py`` writes the library paths of the Python that runs it into the module.
    """
    project = plan.project
    tools = work / "tools"
    pinned = ("--require-hashes", "-r", pins.written("build", work))
    progress.begin(TOOLS)
    installers.install(project, "Installing the build tools", venv, "--target", tools, *pinned)

    env = _build_environment(plan.apache, tools, work)
    built: list[Path] = []
    for step in STEPS[plan.apache.kind]:
        output = work / step
        pip = (plan.python.path, "-P", "-m", "pip", "wheel", "--verbose", "--no-cache-dir")
        source = ("--no-deps", "--no-build-isolation", "--no-binary", ":all:")
        pinned = ("--require-hashes", "-r", pins.written(step, work))
        command = (*pip, *source, *pinned, "--wheel-dir", output)
        commands.run(project, "Building mod_wsgi", *command, env=env, watch=progress.feed)
        (wheel,) = output.glob("*.whl")
        built.append(wheel)
        if wheel.name.startswith("mod_wsgi_httpd"):
            # mod_wsgi-standalone is compiled against the Apache in this package.
            local = ("--target", work / "apache", "--no-deps", "--no-index", wheel)
            installers.install(project, "Unpacking Apache", venv, *local)
    return built


def _build_environment(apache: Apache, tools: Path, work: Path) -> dict[str, str]:
    site = work / "config.site"
    site.write_text(f"cache_file={work / 'config.cache'}\n")
    environment = {
        "PYTHONPATH": f"{tools}{os.pathsep}{work / 'apache'}",
        "PATH": f"{work / 'apache' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "TMPDIR": str(work),
        "MAKEFLAGS": f"-j{jobs()}",
        "CFLAGS": os.environ.get("CFLAGS", "-O2 -pipe"),
        # The four configure scripts of the bundled Apache ask the same questions.
        "CONFIG_SITE": str(site),
    }
    return environment | ({"APXS": str(apache.apxs)} if apache.apxs else {})


def jobs() -> int:
    """How many compilers to run at once: one for each core, if there is enough free memory."""
    cores, memory = capacity.cores(), capacity.available_memory()
    return cores if memory is None else max(1, min(cores, memory // MEMORY_PER_JOB))


def _keep(built: list[Path], folder: Path) -> list[Path]:
    """Move the wheels to their place; the record is written last, so that it is complete."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    kept = [Path(shutil.move(wheel, folder / wheel.name)) for wheel in built]
    record = {wheel.name: sha256(wheel) for wheel in kept}
    (folder / "wheels.json").write_text(json.dumps(record))
    return kept
