"""Reads Python files without running them: which names a module has, and what they are."""

import ast
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..machine import files


def definitions(root: Path, file: Path) -> list[tuple[str, ast.stmt]]:
    """The names of a module, each with a statement that gives it a value; ``*`` for an import of all.

    :raises LookupError: it cannot be read, or is no Python.
    """
    body = _tree(root, file).body
    return [(name, node) for node in _statements(body) for name in _defined(node)]


def imports(root: Path, file: Path) -> Iterator[tuple[int, str]]:
    """The modules that a file imports, each with the number of dots before it.

    A file that cannot be read has none.
    """
    with contextlib.suppress(LookupError):
        for node in ast.walk(_tree(root, file)):
            if isinstance(node, ast.Import):
                yield from ((0, alias.name) for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                yield node.level, node.module or ""


def _tree(root: Path, file: Path) -> ast.Module:
    """:raises LookupError: the file cannot be read, or is no Python."""
    try:
        return ast.parse(files.source(root / file), str(file))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise LookupError(f"{file} cannot be read: {error}") from None


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Those that an import runs, also under ``if`` and ``try``."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "__main__" not in ast.unparse(node.test):
            yield from _statements([*node.body, *node.orelse])
        if isinstance(node, ast.Try):
            yield from _statements([*node.body, *node.orelse, *node.finalbody])


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    inner = [] if isinstance(node, ast.If | ast.Try) else ast.walk(node)
    return [n.id for n in inner if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def is_factory(node: ast.stmt) -> bool:
    """Whether the node is a function that calls Flask() and returns something."""
    nodes = list(ast.walk(node)) if isinstance(node, ast.FunctionDef) else []
    makes = any(isinstance(n, ast.Call) and last_name(n.func).endswith("Flask") for n in nodes)
    return makes and any(isinstance(n, ast.Return) and n.value for n in nodes)


def required_arguments(function: ast.FunctionDef) -> tuple[str, ...]:
    """The arguments without a default."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    lacking = positional[: len(positional) - len(given.defaults)]
    return tuple(one.arg for one in [*lacking, *(arg for arg, value in named if value is None)])


def arguments(call: ast.Call) -> set[str]:
    """The variables in the arguments of a call, without those of which it gets an attribute only."""
    nodes: list[ast.AST] = [*call.args, *call.keywords]
    for node in nodes:
        if not isinstance(node, ast.Attribute) or node.attr == "wsgi_app":
            nodes += ast.iter_child_nodes(node)
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def has_server(dash: ast.Call) -> bool:
    """Whether an application of Dash was given the Flask object that it uses.

    https://dash.plotly.com/reference#dash.dash
    """
    return len(dash.args) > 1 or any(keyword.arg == "server" for keyword in dash.keywords)


def last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def parsed(expression: str) -> tuple[str, ast.expr]:
    """The name in `expression`, which is that name or a call of it with plain values.

    :raises LookupError: it is neither.
    """
    try:
        node = ast.parse(expression, mode="eval").body
        if isinstance(node, ast.Call):
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                ast.literal_eval(argument)
        name = ast.unparse(node.func if isinstance(node, ast.Call) else node)
        if not all(part.isidentifier() for part in name.split(".")):
            raise ValueError
    except (SyntaxError, ValueError):
        raise LookupError(f"{expression} is no name, and no call with plain values") from None
    return name, node
