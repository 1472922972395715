"""Installs what mod_wsgi's telemetry page needs, if ``TELEMETRY_PORT`` is set."""

import hashlib
import os
import re
import shutil

from ..project import ENV_FILE, ROOT, TELEMETRY, VENV
from . import installers

REQUIREMENTS = ROOT / "server" / "requirements" / "telemetry.txt"
_SET = re.compile(r"^\s*(export\s+)?TELEMETRY_PORT\s*=\s*[\"']?\d", re.MULTILINE)


def wanted() -> bool:
    """Whether the page is on. Read without a library, as setup runs before any is installed."""
    if "TELEMETRY_PORT" in os.environ:
        return bool(os.environ["TELEMETRY_PORT"].strip())
    return ENV_FILE.exists() and bool(_SET.search(ENV_FILE.read_text(encoding="utf-8")))


def install() -> None:
    """Install it, unless that is done. The record is written last.

    :raises Problem: something could not be downloaded or installed.
    """
    record = TELEMETRY / "installed"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if record.exists() and record.read_text(encoding="utf-8") == digest:
        return
    shutil.rmtree(TELEMETRY, ignore_errors=True)
    before = os.umask(0o022)
    try:
        pins = ("--target", TELEMETRY, "--require-hashes", "--requirement", REQUIREMENTS)
        installers.choose().install("Installing the telemetry page", VENV, *pins)
        record.write_text(digest, encoding="utf-8")
    finally:
        os.umask(before)
