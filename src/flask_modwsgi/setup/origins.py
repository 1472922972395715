"""Where a name of a module gets its value, followed through the imports of the project."""

import ast
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import own_modules, syntax

STEPS = 5  # from one file to the next


@dataclass(frozen=True)
class Origin:
    """A statement that gives a name its value, and the file and the name there."""

    file: Path
    name: str
    statement: ast.stmt | None  # None below an import of all


def definitions(root: Path, file: Path, steps: int = STEPS) -> Iterator[tuple[str, ast.stmt]]:
    """As `syntax.definitions`; behind an import of all, there is one of each name that it brings.

    :raises LookupError: it cannot be read, or is no Python.
    """
    for name, node in syntax.definitions(root, file):
        yield name, node
        if name == "*" and isinstance(node, ast.ImportFrom) and steps:
            with contextlib.suppress(LookupError):
                if path := own_modules.imported(root, file, node.level, node.module or ""):
                    names = (inner for inner, _ in definitions(root, path, steps - 1))
                    for inner in (one for one in names if not one.startswith("_")):
                        yield inner, ast.ImportFrom(node.module, [ast.alias(inner)], node.level)


def is_own(root: Path, file: Path, statement: ast.stmt) -> bool:
    """Whether a statement of a file imports from the project."""
    level, modules = 0, list[str]()
    if isinstance(statement, ast.Import):
        modules = [one.name for one in statement.names]
    if isinstance(statement, ast.ImportFrom):
        level, module = statement.level, statement.module or ""
        modules = [module, *(f"{module}.{one.name}".strip(".") for one in statement.names)]
    with contextlib.suppress(LookupError):
        return any(own_modules.imported(root, file, level, module) for module in modules)
    return False


def of(root: Path, file: Path, name: str, steps: int = STEPS) -> Origin | None:
    """Where a name of a file gets its value; None where that is outside of the project.

    :param name: Also an attribute of an imported module, such as ``blog.app``.
    :raises LookupError: nothing gives it one.
    """
    defined = dict(definitions(root, file))
    module, _, attribute = name.rpartition(".")
    if name in defined or module not in defined:
        module, attribute = name, ""
    found = defined.get(module)
    if found is None and "*" not in defined:
        raise LookupError(f"{file} does not define {name}")
    if not isinstance(found, ast.Import | ast.ImportFrom):
        return Origin(file, name, found)
    original = next(a.name for a in found.names if (a.asname or a.name) == module)
    parts = [original, attribute] if attribute else [original]
    level = 0
    if isinstance(found, ast.ImportFrom):
        level, parts = found.level, [found.module or "", *parts]
    if not steps or len(parts) == 1:
        return None
    path = own_modules.imported(root, file, level, ".".join(parts[:-1]).strip("."))
    return of(root, path, parts[-1], steps - 1) if path else None


def gives_flask(root: Path, file: Path, called: str, steps: int = STEPS) -> bool:
    """Whether a call returns an application: of Flask, of a class that is derived from it, or of a factory."""
    if called.endswith(syntax.FLASK):
        return True
    with contextlib.suppress(LookupError):
        found = of(root, file, called) if steps else None
        if found and isinstance(found.statement, ast.ClassDef):
            bases = map(ast.unparse, found.statement.bases)
            return any(gives_flask(root, found.file, base, steps - 1) for base in bases)
        return found is not None and syntax.is_factory(found.statement)
    return False
