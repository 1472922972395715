"""The modules of a project: their files, and how they are imported."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..config.project import python_files
from . import syntax

# Folders without an application of their own.
PASSED_OVER = {"build", "dist", "docs", "examples", "node_modules", "test", "tests", "var"}
# Folders that setuptools takes for no packages of a project whose packages are beside them.
# https://setuptools.pypa.io/en/stable/userguide/package_discovery.html#flat-layout
NO_PACKAGES = {
    *("benchmark", "benchmarks", "bin", "build", "changelog", "ci", "debian", "dist", "doc"),
    *("docs", "documentation", "example", "examples", "exercise", "exercises", "htmlcov"),
    *("manpages", "news", "newsfragments", "node_modules", "python", "scripts", "tasks", "test"),
    *("tests", "tools", "unit_test", "unit_tests", "util", "utils"),
}


def files(root: Path) -> Iterator[Path]:
    """The project's own modules, relative to it, without tests."""
    for file in python_files(root, PASSED_OVER):
        if not file.name.startswith("test_") and file.name not in ("conftest.py", "setup.py"):
            yield file.relative_to(root)


def file_of(root: Path, module: str) -> Path | None:
    """The file of a module, named as a path or by dots; below ``src/`` as well."""
    if "/" in module or module.endswith(".py"):
        paths = [root / module]
    else:
        paths = [root / base / module.replace(".", "/") for base in ("", "src")]
    for path in paths:
        # Not a file without a suffix: init itself writes one with the name run.
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file() and file.resolve().is_relative_to(root.resolve()):
                return file.resolve().relative_to(root.resolve())
    return None


def place(root: Path, file: Path) -> tuple[Path, str]:
    """The folder that has to be on ``sys.path``, and the module's name there.

    :raises LookupError: no module can have that name, or another one has it.
    """
    path = file.parent if file.name == "__init__.py" else file.with_suffix("")
    if "." in path.name:
        raise LookupError(f"{file} cannot be imported, because of the dot in {path.name}")
    if path != file.parent and (root / path / "__init__.py").exists():
        raise LookupError(f"{file} cannot be imported, because Python takes the package {path}/")
    folder = path.parent
    while folder.parts and (root / folder / "__init__.py").exists():
        folder = folder.parent
    if path == folder / "__main__":
        raise LookupError(f"{file} cannot be imported, because the server itself is __main__")
    return folder, ".".join(path.relative_to(folder).parts)


def imported(root: Path, file: Path, level: int, module: str) -> Path | None:
    """The file of a module that `file` imports; None for one outside of the project.

    :param level: The number of dots before its name.
    :raises LookupError: the dots lead out of the project, or `file` cannot be imported.
    """
    if level > len(file.parent.parts):
        raise LookupError(f"{file} imports from a folder above the project")
    folder, _ = place(root, file)
    bases = [file.parents[level - 1]] if level else [folder, Path(), Path("src")]
    places = (base.joinpath(*module.split(".")) for base in bases)
    return next(filter(None, (file_of(root, f"{place}/") for place in places)), None)


def reached(root: Path, file: Path) -> dict[Path, set[Path]]:
    """The project's files that may be run if one is imported, with itself: each with those it imports."""
    found: dict[Path, set[Path]] = {}
    left = [file]
    while left:
        if (one := left.pop()) not in found:
            found[one] = set(_imports(root, one))
            left += found[one]
    return found


def _imports(root: Path, file: Path) -> Iterator[Path]:
    for level, module in dict.fromkeys(syntax.imports(root, file)):
        with contextlib.suppress(LookupError):
            if path := imported(root, file, level, module):
                yield path


def adds(root: Path, file: Path, inner: Path) -> bool:
    """Whether a file that imports the application of `inner` does more than that.

    Routes may be in modules that only this file imports. One that serves by itself adds nothing,
    because Apache could not load it.

    :raises LookupError: it cannot be read.
    """
    if syntax.serves(root, file):
        return False
    imports = reached(root, file)
    others = imports.keys() - reached(root, inner)
    users = more = {inner}
    while more:
        more = {one for one in imports if imports[one] & users} - users
        users = users | more
    return file in others and (syntax.acts(root, file) or bool(users & others - {file}))


def outermost(root: Path, files: list[Path]) -> list[Path]:
    """The files that no other one of them imports; of a circle the first."""
    left = list(files)
    for file in reversed(files):
        if any(file in reached(root, other) for other in left if other != file):
            left.remove(file)
    return left


def is_package(root: Path, folder: Path, is_named: bool = False) -> bool:
    """Whether the project's files import a folder as a package, though it has no ``__init__.py``.

    :param is_named: Whether the user names it as one, which counts where no file imports from it.
    """
    if not folder.parts:
        return False
    is_imported = is_named
    for file in files(root):
        inside = file.is_relative_to(folder)
        for level, module in syntax.imports(root, file):
            parts = tuple(module.split("."))
            if level:
                is_imported |= inside and level > len(file.relative_to(folder).parent.parts)
            elif inside and _is_module(root / folder / parts[0]):
                return False  # it is imported without the folder's name
            elif parts[: len(folder.parts)] == folder.parts:
                is_imported |= _is_module(root.joinpath(*parts))
    return is_imported


def _is_module(path: Path) -> bool:
    return path.is_dir() or path.with_name(f"{path.name}.py").is_file()
