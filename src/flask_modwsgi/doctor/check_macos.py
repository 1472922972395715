"""Checks of what is different on macOS. The functions without Facts read what programs printed."""

import os
import re
import subprocess
import sys

from .. import problems
from .facts import Facts

APPLE = ("/usr/bin/", "/usr/sbin/", "/System/", "/Library/Developer/", "/Applications/Xcode")


def is_apples(program: str) -> bool:
    """Whether a program belongs to macOS or to Xcode."""
    return program.startswith(APPLE)


def libraries(otool: str) -> list[str]:
    """The libraries a module asks for, as ``otool -L`` lists them."""
    return re.findall(r"^\t(\S.*?) \(compatibility version", otool, re.MULTILINE)


def relocatable_python(otool: str) -> str | None:
    """A library of Python that is named relative to a program, and not found from another one."""
    relative = [name for name in libraries(otool) if name.startswith("@")]
    return next((name for name in relative if "python" in name.lower()), None)


def is_signed(codesign: str) -> bool:
    """Whether an authority signed a module, as ``codesign -dv`` says. Compilers sign "ad hoc"."""
    return "not signed at all" not in codesign and "Signature=adhoc" not in codesign


def protection(csrutil: str) -> str:
    """``enabled`` or ``disabled``, as ``csrutil status`` says."""
    found = re.search(r"System Integrity Protection status: (\w+)", csrutil)
    return found[1] if found else "unknown"


def has_tools(xcode_select: str) -> bool:
    """Whether the command line tools are there, as ``xcode-select -p`` says."""
    return xcode_select.strip().startswith("/")


def homebrew(brew: str) -> dict[str, str]:
    """The newest version of each package that ``brew list --versions`` lists."""
    rows = [line.split() for line in brew.splitlines()]
    return {words[0]: words[-1] for words in rows if len(words) > 1}


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def tools(facts: Facts) -> str | None:
    if sys.platform != "darwin":
        return None
    found = _output("xcode-select", "-p")
    if not has_tools(found):
        raise problems.developer_tools_missing()
    return found.strip()


def python(facts: Facts) -> str | None:
    if sys.platform != "darwin":
        return None
    path = str(facts.python.prefix)
    if is_apples(path):
        raise problems.apple_python(path)
    return path


def apache(facts: Facts) -> str | None:
    if sys.platform != "darwin":
        return None
    httpd = str(facts.built.httpd)
    status = protection(_output("csrutil", "status"))
    if is_apples(httpd) and not is_signed(_output("codesign", "-dv", str(facts.built.module))):
        raise problems.apple_apache(httpd, status)
    versions = homebrew(_output("brew", "list", "--versions", "httpd"))
    return (
        f"{os.path.realpath(httpd)}; Homebrew's httpd {versions.get('httpd', 'is not installed')}"
    )


def linking(facts: Facts) -> str | None:
    if sys.platform != "darwin":
        return None
    module = facts.built.module
    if name := relocatable_python(_output("otool", "-L", str(module))):
        raise problems.library_relocatable(module, name)
    return module.name
