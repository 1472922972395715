"""Refuse answers from which no working project can be made.

All problems are reported together, each with what was given, what is allowed and an example.
template_extensions.py calls `explain_refusal` before there is a folder. cruft does not tell it
where that will be, so cookiecutter also runs this file as a hook: in the new, still empty folder,
which it removes when this exits with 1.

The file has to run on old Pythons too, so that they get a sentence and no traceback.
"""

import sys

# cookiecutter runs a copy of this in a folder like /tmp, from which Python would import what others put there.
if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    del sys.path[0]

import json
import keyword
import os
import re
import textwrap
import unicodedata

WIDTH = 80

# In one piece, cookiecutter would act on them here too.
JINJA_OPENERS = ["{" + second for second in ("{", "%", "#")]

STDLIB = getattr(sys, "stdlib_module_names", ())  # since Python 3.10
FLASK = ["blinker", "click", "flask", "itsdangerous", "jinja2", "markupsafe", "werkzeug"]
SERVER = ["brotli", "dotenv", "flask_modwsgi", "mod_wsgi", "mod_wsgi_packages"]
SERVER += ["prometheus_client"]
BUILD = ["build", "dist", "packaging", "pip", "pkg_resources", "setuptools", "wheel"]
DEVELOP = ["colorama", "iniconfig", "pluggy", "py", "pygments", "pytest", "ruff"]
BY_NAME = ["conftest", "sitecustomize", "usercustomize"]  # what pytest and Python import themselves
OWN = ["deploy", "instance", "run", "tests", "var", "wheels"]
# ProtectHome and PrivateTmp of the service, man 5 systemd.exec.
HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")
# The service finds its sockets in that folder (LONGEST of apache/server_root.py).
LONGEST_ROOT = 85 - len("/var/stand-in")
TAKEN = {name.lower() for name in (*STDLIB, *FLASK, *SERVER, *BUILD, *DEVELOP, *BY_NAME, *OWN)}


def check_project_name(name: str) -> "str | None":
    """Any text that fits on a line; Flask's own templates would run Jinja code in it."""
    one_line = not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name)
    jinja = any(opener in name for opener in JINJA_OPENERS)
    if name.strip() and len(name) <= 200 and one_line and not jinja:
        return None
    return (
        "one line of 1 to 200 characters, not only spaces, without control characters "
        f"and {' '.join(JINJA_OPENERS)}; for example: Bob's Blog"
    )


def check_project_slug(slug: str) -> "str | None":
    """A distribution name.

    https://packaging.python.org/en/latest/specifications/name-normalization/#name-format
    """
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", slug):
        return None
    return (
        "1 to 63 ASCII letters, digits, dots, hyphens and underscores, the first and the last "
        "a letter or digit; for example: bobs-blog"
    )


def check_app_name(name: str) -> "str | None":
    """An importable name that hides no other module, on case-insensitive file systems either."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name):
        return (
            "1 to 64 ASCII letters, digits and underscores, the first a letter; "
            "for example: bobs_blog"
        )
    if keyword.iskeyword(name) or name.lower() in TAKEN:
        return (
            "a name that Python, a dependency or the project itself does not use; "
            f"for example: {name.lower()}_app"
        )
    return None


def check_root_path(path: str) -> "str | None":
    """A directory that needs no quoting in Apache, systemd, shell and TOML files."""
    plain = re.fullmatch(r"(/[A-Za-z0-9._+@~=,-]+)+", path)
    if not plain or len(path) > LONGEST_ROOT or {".", ".."} & set(path.split("/")):
        return (
            f"an absolute path of at most {LONGEST_ROOT} ASCII letters, digits and /._-+@~=, "
            "that is not / itself, does not end in / and has no empty, . or .. part; "
            "for example: /srv/bobs-blog"
        )
    if f"{path}/".startswith(HIDDEN):
        return (
            f"a path outside of {' '.join(HIDDEN)}, which the service in deploy/ does not see; "
            "for example: /srv/bobs-blog"
        )
    return None


def check_mount_point(path: str) -> "str | None":
    """A URL path in normal form, of characters that are never percent-encoded (RFC 3986, 2.3)."""
    plain = re.fullmatch(r"/|(/[A-Za-z0-9._~-]+)+", path)
    if plain and len(path) <= 200 and not {".", ".."} & set(path.split("/")):
        return None
    return (
        "/ or a URL path of at most 200 ASCII letters, digits and /._~- "
        "that has no empty, . or .. part; for example: /blog"
    )


def check_port(port: str) -> "str | None":
    if re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) <= 65535:
        return None
    return "a number from 1 to 65535, in plain digits; for example: 8080"


def check_apache(kind: str) -> "str | None":
    """Choices are cookiecutter's own check, which a replay file passes by."""
    if kind in ("auto", "system", "bundled"):
        return None
    return "auto, system or bundled; for example: auto"


def check_install(value: str) -> "str | None":
    """cookiecutter turns a number into text, and the text "0" would mean yes."""
    if value in ("True", "False"):
        return None
    return "true or false; for example: false"


CHECKS = {
    "project_name": check_project_name,
    "project_slug": check_project_slug,
    "app_name": check_app_name,
    "root_path": check_root_path,
    "mount_point": check_mount_point,
    "port": check_port,
    "apache": check_apache,
    "install": check_install,
}


def check_folder(folder: str) -> "str | None":
    """Apache's control scripts and generated configuration do not quote the paths they use."""
    for char in folder:
        if unicodedata.category(char)[0] not in "LMN" and char not in "/._-+@~=,":
            return (
                f"a folder whose whole path is letters, digits and /._-+@~=, without "
                f"{char!r} ({unicodedata.name(char, 'no character with a name')}), which Apache's "
                "control scripts do not quote; for example: cookiecutter ... -o ~/src"
            )
    return None


def check_python(version: str) -> "str | None":
    if tuple(map(int, version.split("."))) >= (3, 11):
        return None
    return (
        "Python 3.11 or newer to run cookiecutter; for example: uvx --python 3.13 cookiecutter ..."
    )


def check_system(name: str) -> "str | None":
    """The name is `os.name`."""
    if name != "nt":
        return None
    return "Linux or macOS; on Windows, use its Linux subsystem, WSL2; for example: wsl --install"


def describe(subject: str, given: str, allowed: str) -> str:
    shown = repr(given) if len(given) <= 80 else f"{given[:60]!r}... ({len(given)} characters)"
    rule = textwrap.fill(
        f"Allowed: {allowed}",
        WIDTH,
        initial_indent=" " * 6,
        subsequent_indent=" " * 6,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"  {subject}: {shown} was given.\n{rule}\n"


def find_problems(answers: "dict[str, object]", folder: "str | None") -> "list[str]":
    """Check what reaches the files: a derived `__value` where there is one."""
    python = ".".join(map(str, sys.version_info[:2]))
    checked = [("Python", python, check_python(python))]
    if folder:
        checked.insert(0, ("folder", folder, check_folder(folder)))
    for question, check in CHECKS.items():
        given = str(answers.get(question))
        checked.append((question, given, check(str(answers.get("__" + question, given)))))
    return [describe(subject, given, allowed) for subject, given, allowed in checked if allowed]


def explain_refusal(answers: "dict[str, object]", folder: "str | None") -> str:
    """What is wrong with the answers, and with the folder for the project; nothing if all is well.

    template_extensions.py calls this before cookiecutter makes the project's folder.
    """
    windows = check_system(os.name)
    problems = [describe("system", os.name, windows)] if windows else find_problems(answers, folder)
    if not problems:
        return ""
    return "\n".join(
        ["", "No project can be made from these answers:", "", *problems, "No file was written."]
    )


if __name__ == "__main__":
    # The way to read answers as data: JSON has no three quotes in a row, a raw string keeps its
    # backslashes, and Jinja escapes everything else (audreyfeldroy/cookiecutter-pypackage).
    text = explain_refusal(
        json.loads(r"""{{ cookiecutter | tojson }}"""), os.path.dirname(os.getcwd())
    )
    if text:
        print(text, file=sys.stderr)
        sys.exit(1)
