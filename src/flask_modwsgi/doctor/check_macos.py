"""Checks of what is different on macOS. The functions without Facts read what programs printed."""

import os
import re
import sys
from collections.abc import Callable

from .. import problems
from ..setup.commands import printed
from .facts import Facts

APPLE = ("/usr/bin/", "/usr/sbin/", "/System/", "/Library/Developer/", "/Applications/Xcode")


def is_apples(program: str) -> bool:
    """Whether a program belongs to macOS or to Xcode."""
    return program.startswith(APPLE)


def relocatable_python(otool: str) -> str | None:
    """A library of Python that is named relative to a program, and not found from another one.

    :param otool: What ``otool -L`` says of a module.
    """
    found = re.search(r"^\t(@.*?python.*?) \(compatibility version", otool, re.I | re.M)
    return found[1] if found else None


def is_signed(codesign: str) -> bool:
    """Whether an authority signed a module, as ``codesign -dv`` says. Compilers sign "ad hoc"."""
    return "not signed at all" not in codesign and "Signature=adhoc" not in codesign


def protection(csrutil: str) -> str:
    """``enabled`` or ``disabled``, as ``csrutil status`` says."""
    found = re.search(r"System Integrity Protection status: (\w+)", csrutil)
    return found[1] if found else "unknown"


def _on_macos(look: Callable[[Facts], str]) -> Callable[[Facts], str | None]:
    return lambda facts: look(facts) if sys.platform == "darwin" else None


@_on_macos
def tools(facts: Facts) -> str:
    found = printed("xcode-select", "-p").strip()
    if not found.startswith("/"):
        raise problems.developer_tools_missing()
    return found


@_on_macos
def python(facts: Facts) -> str:
    path = str(facts.python.prefix)
    if is_apples(path):
        raise problems.apple_python(path)
    return path


@_on_macos
def apache(facts: Facts) -> str:
    httpd, module = str(facts.built.httpd), facts.built.module
    if is_apples(httpd) and not is_signed(printed("codesign", "-dv", module, errors=True)):
        raise problems.apple_apache(httpd, protection(printed("csrutil", "status")))
    listed = printed("brew", "list", "--versions", "httpd").split() or ["not installed"]
    return f"{os.path.realpath(httpd)}; Homebrew's httpd: {listed[-1]}"


@_on_macos
def linking(facts: Facts) -> str:
    module = facts.built.module
    if name := relocatable_python(printed("otool", "-L", module)):
        raise problems.relocatable_library(module, name)
    return module.name
