"""Which Apache mod_wsgi is built against."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from os.path import isfile
from pathlib import Path

from .. import problems
from .commands import printed
from .interpreters import Interpreter, distrust

USUAL_PLACES = ("/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")


@dataclass(frozen=True)
class Apache:
    """An Apache to build against; `apxs` is None for the bundled one."""

    kind: str
    version: str
    apxs: Path | None = None


BUNDLED = Apache("bundled", "2.4.69")


def choose(wanted: str) -> tuple[Apache, list[str]]:
    """The Apache for the answer `wanted` (auto, system, bundled).

    Also returns what the installed Apache lacks, where that is why it was not taken.

    :raises Problem: `wanted` is system and there is no complete one.
    """
    if wanted == "bundled":
        return BUNDLED, []
    system, missing = _system()
    if wanted == "system" and not system:
        raise problems.apache_missing(missing)
    return system or BUNDLED, missing


def _system() -> tuple[Apache | None, list[str]]:
    """The installed Apache if it is complete, otherwise None and what it lacks."""
    apxs, distrusted = _find_apxs()
    if apxs is None:
        return None, [distrusted or "no apxs was found"]
    httpd = f"{_ask(apxs, 'SBINDIR')}/{_ask(apxs, 'PROGNAME')}"
    parts = {
        "the program": httpd,
        "a header": f"{_ask(apxs, 'INCLUDEDIR')}/httpd.h",
        "apr-1-config": _ask(apxs, "APR_CONFIG"),
        "a module": f"{_ask(apxs, 'LIBEXECDIR')}/mod_mpm_event.so",
    }
    missing = [f"{what} is missing ({path})" for what, path in parts.items() if not isfile(path)]
    if reason := distrust(map(Path, parts.values())):
        missing.append(reason)
    if missing:
        return None, missing
    return Apache("system", version_in(printed(httpd, "-v")), apxs), []


def _find_apxs() -> tuple[Path | None, str]:
    """The first that may be run; where there is none, why root may not run another."""
    reason = ""
    for path in _candidates():
        if not (reason := distrust([path])):
            return path, ""
    return None, reason


def _candidates() -> Iterator[Path]:
    """Where mod_wsgi's own ``setup.py`` would look, and Homebrew's places."""
    if insisted := os.environ.get("APXS"):
        if found := shutil.which(insisted):
            yield Path(found)
        return
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *USUAL_PLACES]
    for name in ("apxs2", "apxs"):
        for folder in filter(None, folders):
            found = shutil.which(name, path=folder)
            # Apple's own Apache cannot load modules of others.
            if found and not (sys.platform == "darwin" and found.startswith("/usr/sbin/")):
                yield Path(found)


def _ask(apxs: Path, name: str) -> str:
    return printed(apxs, "-q", name).strip() or "/nonexistent"


def version_in(text: str) -> str:
    """The version in what ``httpd -v`` prints."""
    match = re.search(r"Apache/([\d.]+)", text)
    return match[1] if match else "unknown"


def missing_tools(apache: Apache, python: Interpreter) -> list[str]:
    """What a build against `apache` needs and this system lacks."""
    missing = []
    compiler = os.environ.get("CC") or python.compiler
    program = compiler.split()[0]
    if not shutil.which(program):
        missing.append(f"a C compiler ({program})")
    elif apache.kind == "bundled" and not _compiles(program, "#include <expat.h>"):
        missing.append("expat.h")
    if apache.apxs:
        # Fedora's Apache has its modules compiled with options in a file of redhat-rpm-config.
        specs = re.findall(r"-specs=(/\S+)", _ask(apache.apxs, "CFLAGS"))
        missing += [spec for spec in specs if not Path(spec).exists()]
    if apache.kind == "bundled" and not shutil.which("make"):
        missing.append("make")
    return missing


def _compiles(compiler: str, source: str) -> bool:
    command = [compiler, "-E", "-x", "c", "-"]
    try:
        done = subprocess.run(command, input=source, text=True, capture_output=True)
    except OSError:
        return False
    return done.returncode == 0


def optional_headers(compiler: str) -> tuple[str, ...]:
    """The headers that decide which modules the bundled Apache gets."""
    names = ("openssl/ssl.h", "zlib.h", "brotli/encode.h", "nghttp2/nghttp2.h")
    return tuple(name for name in names if _compiles(compiler, f"#include <{name}>"))
