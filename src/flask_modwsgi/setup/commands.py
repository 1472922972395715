"""Runs the programs that build the environment, away from the settings of other tools."""

import os
import re
import ssl
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from ..config.project import Project
from ..machine import files, trust
from . import refusals

# Of pip's and uv's settings, those that say where packages come from and how to get there.
# https://pip.pypa.io/en/stable/topics/configuration/, https://docs.astral.sh/uv/reference/environment/
_KEPT = re.compile(
    "(PIP|UV)_((EXTRA_|DEFAULT_)?INDEX(_URL|_STRATEGY)?|NO_INDEX|OFFLINE|FIND_LINKS|PROXY|CERT"
    "|CLIENT_CERT|NATIVE_TLS|SYSTEM_CERTS|TRUSTED_HOST|INSECURE_HOST|KEYRING_PROVIDER|CONFIG_FILE"
    "|CACHE_DIR|NO_CACHE(_DIR)?|(HTTP_|DEFAULT_)?TIMEOUT|(HTTP_)?RETRIES|NO_INPUT|DISABLE_PIP_VERSION_CHECK)"
    "|UV_INDEX_.*_(USERNAME|PASSWORD)"
)
_DROPPED = re.compile(
    "(PIP_|UV_|PYTHON).*|VIRTUAL_ENV|CONDA_PREFIX|__PYVENV_LAUNCHER__|APXS|LD_RUN_PATH|MAKEFLAGS|DESTDIR"
)


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without variables that redirect an installation.

    Index, proxy and certificate settings stay, and so do compiler flags.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if _KEPT.fullmatch(name) or not _DROPPED.fullmatch(name)
    }
    # A pip.conf may say user = true or require-virtualenv = true; the environment wins over it.
    fixed = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "LC_ALL": "C.UTF-8"}
    return _system_certificates() | kept | fixed


def _system_certificates() -> dict[str, str]:
    """Let uv trust the system's authorities, as pip does; companies add their own there.

    The second name is the one older versions know.
    """
    known = ssl.get_default_verify_paths()
    if known.cafile or (known.capath and os.listdir(known.capath)):
        return {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}
    return {}


def printed(
    *command: str | Path, env: Mapping[str, str] | None = None, errors: bool = False
) -> str:
    """The output of a program; empty if there is no such program, or it takes too long.

    :param errors: Also on standard error.
    """
    stderr = subprocess.STDOUT if errors else subprocess.DEVNULL
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            timeout=30,
            env=env,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def run(
    project: Project,
    doing: str,
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    watch: Callable[[str], None] | None = None,
) -> None:
    """Run `command` in the project's folder; hand each line it prints to `watch`.

    All of it is kept in ``setup.log``.

    :param doing: What it is for, as the beginning of a sentence: ``Installing Flask``.
    :raises Problem: it failed.
    """
    log_file = trust.made_folder(project.logs) / "setup.log"
    output: list[str] = []
    with files.appended(log_file) as log:
        log.write(f"\n$ {' '.join(map(str, command))}\n")
        log.flush()
        process = subprocess.Popen(
            command,
            cwd=project.root,
            env=clean_environment(os.environ) | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            with process.stdout:
                for line in process.stdout:
                    log.write(line)
                    output.append(line)
                    del output[:-200]
                    if watch:
                        watch(line)
            status = process.wait()
        except BaseException:
            _end(process)
            raise
    if status != 0:
        raise refusals.reason(doing, "".join(output), log_file, Path(command[0]))


def _end(process: subprocess.Popen[str]) -> None:
    """End the command with everything it started, such as compilers."""
    try:
        os.killpg(process.pid, 15)
        process.wait(timeout=5)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
