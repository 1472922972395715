"""Which installed package has lost files that the application imports."""

import re
from pathlib import Path

from ..machine import files
from ..setup import recorded_files
from ..setup.requirements import normalised

# What Python says where a module, or what is defined in it, is not there.
_IMPORTED = re.compile(
    r"^(?:ModuleNotFoundError: No module named '(?P<module>[\w.]+)'"
    r"|ImportError: cannot import name '(?P<name>\w+)' from "
    r"(?:partially initialized module )?'(?P<source>[\w.]+)'"
    r"|AttributeError: (?:partially initialized )?module '(?P<owner>[\w.]+)' has no attribute)",
    re.MULTILINE,
)
_FILE = r"\.(?:py|(?:[\w-]+\.)?so)"  # how the name of one that can be imported ends


def of_import(traceback: str, own: Path) -> tuple[str, str] | None:
    """The module that this traceback is about, and the package that should have it in ``.venv``.

    None where no file of it is lost: it was never installed, or has no such module or name.

    :param own: The project's folder.
    """
    if not (match := _IMPORTED.search(traceback)):
        return None
    module, name = match["module"], match["name"]
    if module:
        wanted = _code(module, rf"(?:/.+)?{_FILE}")
    else:
        module = match["source"] or match["owner"]
        wanted = _code(module, r"(?:/__init__)?\.py")
        if name:
            inner = _code(f"{module}.{name}", rf"(?:/__init__)?{_FILE}")
            wanted = re.compile(f"{wanted.pattern}|{inner.pattern}")
    for folder in own.glob(".venv/lib/python*/site-packages"):
        for metadata in folder.glob("*.dist-info"):
            if any(
                _is_lost(folder / file, size)
                for file, size in recorded_files.of(metadata)
                if wanted.fullmatch(file)
            ):
                return module, metadata.name.partition("-")[0]
        if match["module"] and (package := _gone(folder, module)):
            return module, package
    return None


def _code(module: str, ending: str) -> re.Pattern[str]:
    return re.compile(re.escape(module.replace(".", "/")) + ending)


def _is_lost(file: Path, size: str) -> bool:
    """Whether it is gone, or empty although it was not."""
    try:
        return file.stat().st_size == 0 and size not in ("", "0")
    except (OSError, ValueError) as error:
        return not isinstance(error, PermissionError)


def _gone(folder: Path, module: str) -> str:
    """The package with the name of a module, if setup installed it and even its metadata is gone."""
    packages = files.json_object(folder.parents[2] / "setup.json").get("packages")
    name = normalised(module.partition(".")[0])
    there = {normalised(one.name.partition("-")[0]) for one in folder.glob("*.dist-info")}
    return name if isinstance(packages, dict) and name in packages and name not in there else ""
