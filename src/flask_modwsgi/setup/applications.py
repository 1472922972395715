"""Finds the Flask application of a project by reading its Python files; none of them is run.

An application is named as Flask does it, https://flask.palletsprojects.com/en/stable/cli/:
``module:name`` with an object or a factory, ``module:factory("argument")``, or a file's name.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import resolve_name
from pathlib import Path

from .. import problems
from ..config.project import python_files
from . import requirements, syntax

# Folders without an application of their own.
PASSED_OVER = {"build", "dist", "docs", "examples", "node_modules", "test", "tests", "var"}
# The likelier ones first.
FACTORIES = ("create_app", "make_app")
NAMES = ("app", "application", *FACTORIES)
FILES = ("wsgi.py", "app.py", "__init__.py")
WSGI = '''\
"""What Apache loads: the application, found by the place of this file."""

import sys
from pathlib import Path

root = Path(__file__).resolve().parent
sys.path[:0] = [{folder}str(root)]

from {module} import {first}{end}
'''


@dataclass(frozen=True)
class Application:
    """Where an application is.

    :param file: The module's file, relative to the project; of an installed package the file
        that Apache loads.
    :param folder: What has to be on ``sys.path``, relative to the project.
    :param expression: What the application is, in that module.
    :param lacking: Arguments without which a factory cannot be called.
    """

    file: Path
    folder: Path
    module: str
    expression: str
    lacking: tuple[str, ...] = ()

    def __str__(self) -> str:
        path = "/".join([*self.folder.parts, *self.module.split(".")])
        return f"{path if self.folder.parts else self.module}:{self.expression}"

    @property
    def name(self) -> str:
        """The import name of the package, or of the single module."""
        return self.module.partition(".")[0]

    @property
    def package(self) -> str:
        """Its part of the project, as a relative path: a package, a folder of modules, or a file."""
        path = self.folder / self.name
        if self.file.is_relative_to(path):
            return path.as_posix()
        return (self.folder if self.folder.parts else self.file).as_posix()

    @property
    def wsgi_file(self) -> str:
        """What Apache loads: it defines the name ``application``."""
        folder = f'str(root / "{self.folder.as_posix()}"), ' if self.folder.parts else ""
        first = self.expression.partition("(")[0].partition(".")[0]
        if first == self.expression:
            end = " as application"
        else:
            end = f"\n\napplication = {self.expression}"
        return WSGI.format(folder=folder, module=self.module, first=first, end=end)


def search(root: Path) -> list[Application]:
    """Everything that looks like an application, the likeliest first."""
    return sorted((one for file in _files(root) for one in _in_file(root, file)), key=_rank)


def named(root: Path, text: str) -> Application:
    """The application that the user named.

    :raises Problem: there is no such application, or it cannot be called.
    """
    module, _, expression = text.partition(":")
    file = _file_of(root, module)
    if file is None:
        return _installed(root, text)
    found = sorted(_in_file(root, file), key=_rank)
    try:
        if expression:
            return checked(_evaluated(root, file, expression.strip()))
        if not found:
            raise LookupError(f"{file} has no call of Flask()")
    except LookupError as error:
        raise problems.app_not_found(text, str(error), _spelled(found)) from None
    return checked(found[0])


def _installed(root: Path, text: str) -> Application:
    """An application in a package that the project requires, not in a file of the project.

    It cannot be looked at before the packages are installed. A typing error is likelier where the
    folder has an application of its own, and no package has that name.

    :raises Problem: it is none.
    """
    module, _, expression = text.partition(":")
    name, others = module.partition(".")[0], search(root)
    required = requirements.named_in(root / "requirements.txt")
    try:
        if not (required and all(part.isidentifier() for part in module.split("."))):
            raise LookupError(
                f"there is no module {module}, and no requirements.txt that lists a package with it"
            )
        package = requirements.normalised(name)
        if not expression or (others and package not in required):
            raise LookupError(f"there is no module {module}")
        if near := _misspelled(package, required):
            others = [Application(Path(), Path(), near.replace("-", "_"), expression), *others]
            raise LookupError(f"there is no module {module}, and requirements.txt lists {near}")
        called, node = syntax.parsed(expression.strip())
    except LookupError as error:
        raise problems.app_not_found(text, str(error), _spelled(others)) from None
    call = "()" if called in FACTORIES and not isinstance(node, ast.Call) else ""
    return Application(Path(f"{name}.wsgi"), Path(), module, ast.unparse(node) + call)


def _misspelled(package: str, required: Iterable[str]) -> str:
    """The package that was meant, if one has a similar name: ``shop`` may be in ``flask-shop``."""
    near = get_close_matches(package, required, 1, 0.9)
    return "" if not near or package in near[0] or near[0] in package else near[0]


def checked(found: Application) -> Application:
    """:raises Problem: it is a factory that cannot be called without arguments."""
    if found.lacking:
        raise problems.factory_needs_arguments(str(found).removesuffix("()"), found.lacking)
    return found


def _spelled(found: Iterable[Application]) -> list[str]:
    return [str(one) for one in found if not one.lacking]


def _rank(found: Application) -> tuple[bool, int, int, int, str]:
    def place(names: tuple[str, ...], name: str) -> int:
        return names.index(name) if name in names else len(names)

    name = found.expression.partition("(")[0]
    places = place(FILES, found.file.name), place(NAMES, name), len(found.file.parts)
    return bool(found.lacking), *places, str(found)


def _files(root: Path) -> Iterator[Path]:
    """The project's own modules, relative to it, without tests."""
    for file in python_files(root, PASSED_OVER):
        if not file.name.startswith("test_") and file.name not in ("conftest.py", "setup.py"):
            yield file.relative_to(root)


def _file_of(root: Path, module: str) -> Path | None:
    """The file of a module, named as a path or by dots; below ``src/`` as well."""
    if "/" in module or module.endswith(".py"):
        paths = [root / module]
    else:
        paths = [root / base / module.replace(".", "/") for base in ("", "src")]
    for path in paths:
        for file in (path / "__init__.py", path, path.with_suffix(".py")):
            if file.is_file() and file.resolve().is_relative_to(root.resolve()):
                return file.resolve().relative_to(root.resolve())
    return None


def _place(root: Path, file: Path) -> tuple[Path, str]:
    """The folder that has to be on ``sys.path``, and the module's name there."""
    path = file.parent if file.name == "__init__.py" else file.with_suffix("")
    folder = path.parent
    while folder.parts and (root / folder / "__init__.py").exists():
        folder = folder.parent
    return folder, ".".join(path.relative_to(folder).parts)


def _in_file(root: Path, file: Path) -> list[Application]:
    """The names in a module that look like an application."""
    folder, module = _place(root, file)
    try:
        definitions = syntax.definitions(root, file)
    except LookupError:
        return []
    if not all(part.isidentifier() for part in module.split(".")):
        return []
    found = {}
    factories = {*FACTORIES, *(name for name, node in definitions if syntax.is_factory(node))}
    for name, node in definitions:
        if isinstance(node, ast.FunctionDef) and syntax.is_factory(node):
            found[name] = Application(
                file, folder, module, f"{name}()", syntax.required_arguments(node)
            )
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            called = syntax.last_name(node.value.func)
            if called.endswith("Flask") or called in factories:
                found[name] = Application(file, folder, module, name)
    return list(found.values())


def _evaluated(root: Path, file: Path, expression: str) -> Application:
    """What ``module:expression`` means.

    :raises LookupError: it is nothing that can be.
    """
    place = _place(root, file)
    name, node = syntax.parsed(expression)
    call = node if isinstance(node, ast.Call) else None
    meant = _meaning(root, file, name.partition(".")[0])
    if "." not in name and isinstance(meant, ast.FunctionDef):
        required = syntax.required_arguments(meant)
        if call:
            lacking = () if call.args or call.keywords else required
            return Application(file, *place, ast.unparse(node), lacking)
        # A function of two arguments is an application by itself (PEP 3333).
        if len(required) != 2 or syntax.is_factory(meant):
            return Application(file, *place, f"{name}()", required)
    is_factory = not call and meant is None and name in FACTORIES
    return Application(file, *place, ast.unparse(node) + "()" * is_factory)


def _meaning(root: Path, file: Path, name: str, steps: int = 5) -> ast.stmt | None:
    """The statement that gives `name` its value; None where that is outside of the project.

    :raises LookupError: none does.
    """
    definitions = dict(syntax.definitions(root, file))
    found = definitions.get(name)
    if found is None and "*" not in definitions:
        raise LookupError(f"{file} does not define {name}")
    if isinstance(found, ast.ImportFrom) and steps:
        folder, module = _place(root, file)
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        try:
            origin = resolve_name("." * found.level + (found.module or ""), package)
        except ImportError as error:
            raise LookupError(f"{file}: {error}") from None
        path = _file_of(root, "/".join([*folder.parts, *origin.split(".")]))
        original = next(a.name for a in found.names if (a.asname or a.name) == name)
        return _meaning(root, path, original, steps - 1) if path else None
    return None if isinstance(found, ast.Import | ast.ImportFrom) else found
