"""Finds the Flask application of a project by reading its Python files; none of them is run.

An application is named as Flask does it, https://flask.palletsprojects.com/en/stable/cli/:
``module:name`` with an object or a factory, ``module:factory("argument")``, or a file's name.
"""

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import problems

# Folders without an application of their own.
PASSED_OVER = {"build", "dist", "docs", "examples", "node_modules", "test", "tests", "var"}
FACTORIES = ("create_app", "make_app")
OBJECTS = ("app", "application")
FILES = ("wsgi.py", "app.py", "__init__.py")
DEEPEST = 4  # folders below the project's
LARGEST = 1024 * 1024  # bytes of a file


@dataclass(frozen=True)
class Application:
    """Where an application is.

    :param file: The module's file, relative to the project.
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
        """What belongs to it, relative to the project: a package, a folder of modules, or a file."""
        path = self.folder / self.name
        if self.file.is_relative_to(path):
            return path.as_posix()
        return (self.folder if self.folder.parts else self.file).as_posix()

    @property
    def wsgi_file(self) -> str:
        """What Apache loads: it defines the name ``application``."""
        root = "Path(__file__).resolve().parent"
        path = f"sys.path.insert(0, str({root}))"
        if self.folder.parts:
            path = (
                f'root = {root}\nsys.path[:0] = [str(root / "{self.folder.as_posix()}"), str(root)]'
            )
        first = self.expression.partition("(")[0].partition(".")[0]
        if first == self.expression:
            body = f"from {self.module} import {first} as application"
        else:
            body = f"from {self.module} import {first}\n\napplication = {self.expression}"
        about = '"""What Apache loads: the application, found by the place of this file."""'
        return f"{about}\n\nimport sys\nfrom pathlib import Path\n\n{path}\n\n{body}\n"


def search(root: Path) -> list[Application]:
    """All that look like an application, the likeliest first."""
    found = [one for file in _files(root) for one in _in_file(root, file)]
    return sorted(found, key=_rank)


def named(root: Path, text: str) -> Application:
    """What the user calls the application.

    :raises Problem: there is no such application, or it cannot be called.
    """
    module, _, expression = text.partition(":")
    file = _file_of(root, module)
    if file is None:
        raise problems.app_not_found(text, f"there is no module {module}", _spelled(search(root)))
    if not expression:
        found = sorted(_in_file(root, file), key=_rank)
        if not found:
            raise problems.app_not_found(text, f"{file} has no call of Flask()", [])
        return checked(found[0])
    try:
        return checked(_evaluated(root, file, expression.strip()))
    except LookupError as error:
        raise problems.app_not_found(text, str(error), _spelled(_in_file(root, file))) from None


def checked(found: Application) -> Application:
    """:raises Problem: it is a factory that cannot be called without arguments."""
    if found.lacking:
        raise problems.factory_needs_arguments(str(found).removesuffix("()"), found.lacking)
    return found


def _spelled(found: Iterable[Application]) -> list[str]:
    return [str(one) for one in found if not one.lacking]


def _rank(found: Application) -> tuple[bool, int, int, int, str]:
    name = found.expression.partition("(")[0]
    names = (*OBJECTS, *FACTORIES)
    return (
        bool(found.lacking),
        FILES.index(found.file.name) if found.file.name in FILES else len(FILES),
        names.index(name) if name in names else len(names),
        len(found.file.parts),
        str(found),
    )


def _files(root: Path) -> Iterator[Path]:
    """The project's own modules, relative to it, without tests."""
    for path, folders, names in os.walk(root):
        here = Path(path)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in PASSED_OVER
            and not (here / name / "pyvenv.cfg").exists()
            and len(here.relative_to(root).parts) < DEEPEST
        )
        for name in sorted(names):
            is_test = name.startswith("test_") or name in ("conftest.py", "setup.py")
            if name.endswith(".py") and not is_test:
                yield (here / name).relative_to(root)


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


def _tree(root: Path, file: Path) -> ast.Module:
    """:raises LookupError: it cannot be read, or is no Python."""
    try:
        if (root / file).stat().st_size > LARGEST:
            raise LookupError(f"{file} is too large")
        return ast.parse((root / file).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise LookupError(f"{file} cannot be read: {error}") from None


def _place(root: Path, file: Path) -> tuple[Path, str]:
    """The folder that has to be on ``sys.path``, and the module's name there."""
    parts = list(file.with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    folder = file.parent if len(parts) == len(file.parts) else file.parent.parent
    while folder.parts and (root / folder / "__init__.py").exists():
        folder = folder.parent
    return folder, ".".join(parts[len(folder.parts) :])


def _in_file(root: Path, file: Path) -> list[Application]:
    """What a module has that looks like an application."""
    try:
        tree = _tree(root, file)
    except LookupError:
        return []
    place = _place(root, file)
    if not all(part.isidentifier() for part in place[1].split(".")):
        return []
    found: dict[str, Application] = {}
    factories = set(FACTORIES)
    for node in _statements(tree.body):
        if isinstance(node, ast.FunctionDef) and _is_factory(node):
            factories.add(node.name)
            found[node.name] = Application(file, *place, f"{node.name}()", _required(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            called = _last_name(node.value.func)
            if called.endswith("Flask") or called in factories:
                for target in targets:
                    if isinstance(target, ast.Name):
                        found[target.id] = Application(file, *place, target.id)
    return list(found.values())


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Those that an import runs, also under ``if`` and ``try``."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "__main__" not in ast.unparse(node.test):
            yield from _statements([*node.body, *node.orelse])
        if isinstance(node, ast.Try):
            yield from _statements([*node.body, *node.orelse, *node.finalbody])


def _is_factory(function: ast.FunctionDef) -> bool:
    nodes = list(ast.walk(function))
    makes = any(isinstance(n, ast.Call) and _last_name(n.func).endswith("Flask") for n in nodes)
    return makes and any(isinstance(n, ast.Return) and n.value for n in nodes)


def _required(function: ast.FunctionDef) -> tuple[str, ...]:
    """The arguments without a default."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    optional = len(given.defaults)
    named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    lacking = positional[: len(positional) - optional]
    return tuple(one.arg for one in [*lacking, *(arg for arg, value in named if value is None)])


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _evaluated(root: Path, file: Path, expression: str) -> Application:
    """What ``module:expression`` means.

    :raises LookupError: it is nothing that can be.
    """
    place = _place(root, file)
    try:
        node = ast.parse(expression, mode="eval").body
        if isinstance(node, ast.Call):
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                ast.literal_eval(argument)
    except (SyntaxError, ValueError):
        raise LookupError(f"{expression} is no name, and no call with plain values") from None
    callee = node.func if isinstance(node, ast.Call) else node
    first = callee
    while isinstance(first, ast.Attribute):
        first = first.value
    if not isinstance(first, ast.Name):
        raise LookupError(f"{expression} is no name, and no call with plain values")
    meant = _meaning(root, file, first.id)
    if isinstance(meant, ast.FunctionDef) and isinstance(callee, ast.Name):
        required = _required(meant)
        if isinstance(node, ast.Call):
            given = node.args or node.keywords
            return Application(file, *place, ast.unparse(node), () if given else required)
        # A function of two arguments is an application by itself (PEP 3333).
        if len(required) != 2 or _is_factory(meant):
            return Application(file, *place, f"{callee.id}()", required)
    if isinstance(node, ast.Name) and meant is None and node.id in FACTORIES:
        return Application(file, *place, f"{node.id}()")
    return Application(file, *place, ast.unparse(node))


def _meaning(root: Path, file: Path, name: str, steps: int = 5) -> ast.stmt | None:
    """The statement that gives `name` its value; None where that is outside of the project.

    :raises LookupError: none does.
    """
    found: ast.stmt | None = None
    star = False
    for node in _statements(_tree(root, file).body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found = node if node.name == name else found
        elif isinstance(node, ast.Import | ast.ImportFrom):
            star = star or any(alias.name == "*" for alias in node.names)
            found = node if any((a.asname or a.name) == name for a in node.names) else found
        elif any(
            isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
            for n in ast.walk(node)
        ):
            found = node
    if found is None and not star:
        raise LookupError(f"{file} does not define {name}")
    if isinstance(found, ast.ImportFrom) and steps:
        folder, module = _place(root, file)
        package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
        base = package[: len(package) - found.level + 1] if found.level else []
        parts = [*base, *(found.module or "").split(".")]
        path = _file_of(root, "/".join([*folder.parts, *filter(None, parts), ""]).rstrip("/"))
        original = next(a.name for a in found.names if (a.asname or a.name) == name)
        return _meaning(root, path, original, steps - 1) if path else None
    return None if isinstance(found, ast.Import | ast.ImportFrom) else found
