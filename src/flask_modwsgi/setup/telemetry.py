"""Installs what mod_wsgi's telemetry page needs, if ``TELEMETRY_PORT`` is set."""

import hashlib
import os
import re
import shutil

from ..config.project import Project
from . import installers, pins

_SET = re.compile(r"^\s*(export\s+)?TELEMETRY_PORT\s*=\s*[\"']?\d", re.MULTILINE)


def wanted(project: Project) -> bool:
    """Whether the page is on. Read without a library, as setup runs before any is installed."""
    if "TELEMETRY_PORT" in os.environ:
        return bool(os.environ["TELEMETRY_PORT"].strip())
    file = project.env_file
    return file.exists() and bool(_SET.search(file.read_text(encoding="utf-8", errors="replace")))


def install(project: Project) -> None:
    """Install it, unless that is done. The record is written last.

    :raises Problem: something could not be downloaded or installed.
    """
    record = project.telemetry / "installed"
    digest = hashlib.sha256(pins.text("telemetry").encode()).hexdigest()
    if record.exists() and record.read_text(encoding="utf-8") == digest:
        return
    shutil.rmtree(project.telemetry, ignore_errors=True)
    file = pins.written("telemetry", project.environment)
    options = ("--target", project.telemetry, "--require-hashes", "--requirement", file)
    installer = installers.choose(project)
    installer.install("Installing the telemetry page", project.environment, *options)
    record.write_text(digest, encoding="utf-8")
