"""Reads Python files without running them: which names a module has, and what they are."""

import ast
import contextlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from ..machine import files

# The ends of the names of Flask's class, and of those that are derived from it elsewhere.
FLASK = ("Flask", "FlaskApp", "OpenAPI", "connexion.App", "Eve")
# The likelier one first.
FACTORIES = ("create_app", "make_app")
# What a module may do for no other reason than to be started by itself.
_STARTS = re.compile(r"sys\.path|\b(run|run_server|serve|serve_forever)\(")
_SERVES = re.compile(
    r"(?!subprocess\.|asyncio\.)[\w.]+\.(run|run_server|serve_forever)|([\w.]+\.)?serve"
)


def definitions(root: Path, file: Path) -> list[tuple[str, ast.stmt]]:
    """The names of a module, each with a statement that gives it a value; ``*`` for an import of all.

    :raises LookupError: it cannot be read, or is no Python.
    """
    return _definitions(_tree(root, file))


@lru_cache(1000)  # asked for each name that is followed
def _definitions(tree: ast.Module) -> list[tuple[str, ast.stmt]]:
    return [(name, node) for node in _statements(tree.body) for name in _defined(node)]


def imports(root: Path, file: Path) -> Iterator[tuple[int, str]]:
    """The modules that a file imports, each with the number of dots before it.

    A name that it imports from one may be a module, too. A file that cannot be read has none.
    """
    with contextlib.suppress(LookupError):
        for node in ast.walk(_tree(root, file)):
            if isinstance(node, ast.Import):
                yield from ((0, alias.name) for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                yield node.level, module
                yield from ((node.level, f"{module}.{one.name}".strip(".")) for one in node.names)


def acts(root: Path, file: Path) -> bool:
    """Whether an import of the file does more than to give names their values: it calls or sets something.

    :raises LookupError: it cannot be read, or is no Python.
    """
    return any(map(_acts, _statements(_tree(root, file).body)))


def serves(root: Path, file: Path) -> bool:
    """Whether an import of the file starts a server, which keeps it from returning.

    :raises LookupError: it cannot be read, or is no Python.
    """
    nodes = _statements(_tree(root, file).body)
    calls = [one.value for one in nodes if isinstance(one, ast.Expr)]
    called = [ast.unparse(call.func) for call in calls if isinstance(call, ast.Call)]
    return any(map(_SERVES.fullmatch, called))


def names(node: ast.AST) -> set[str]:
    """The variables in a statement or an expression."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def used(root: Path, file: Path) -> list[str]:
    """The variables that an import of the file uses, and attributes, such as ``blog.app``.

    :raises LookupError: it cannot be read, or is no Python.
    """
    nodes = _statements(_tree(root, file).body)
    run = (one for one in nodes if not isinstance(one, ast.FunctionDef | ast.ClassDef))
    inner = (node for one in run for node in ast.walk(one))
    return [ast.unparse(node) for node in inner if isinstance(node, ast.Name | ast.Attribute)]


def _acts(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return bool(node.decorator_list)
    if isinstance(node, ast.Assign):
        acts = any(isinstance(one, ast.Attribute | ast.Subscript) for one in node.targets)
    else:
        is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        acts = is_call or isinstance(node, ast.With | ast.For)
    return acts and not _STARTS.search(ast.unparse(node))


def _tree(root: Path, file: Path) -> ast.Module:
    """:raises LookupError: the file cannot be read, or is no Python."""
    try:
        return _parsed(files.source(root / file), str(file))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise LookupError(f"{file} cannot be read: {error}") from None


@lru_cache(1000)  # imports lead to the same files
def _parsed(source: bytes, name: str) -> ast.Module:
    return ast.parse(source, name)


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


def is_factory(node: ast.stmt | None) -> bool:
    """Whether the node is a function that returns something, and calls Flask() or has a factory's name."""
    if not isinstance(node, ast.FunctionDef):
        return False
    nodes = list(ast.walk(node))
    calls = (ast.unparse(n.func) for n in nodes if isinstance(n, ast.Call))
    makes = node.name in FACTORIES or any(called.endswith(FLASK) for called in calls)
    return makes and any(isinstance(n, ast.Return) and n.value for n in nodes)


def required_arguments(function: ast.FunctionDef) -> tuple[str, ...]:
    """The arguments without a default; those that can be given by name only end in ``=``."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    lacking = [one.arg for one in positional[: len(positional) - len(given.defaults)]]
    named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return (*lacking, *(f"{one.arg}=" for one, value in named if value is None))


def arguments(call: ast.Call) -> set[str]:
    """The variables in the arguments of a call, and the attributes, such as ``blog.app``.

    Of an attribute, the variable is none of them, but for ``app.wsgi_app``.
    """
    nodes: list[ast.AST] = [*call.args, *call.keywords]
    for node in nodes:
        if not isinstance(node, ast.Attribute) or node.attr == "wsgi_app":
            nodes += ast.iter_child_nodes(node)
    return {ast.unparse(node) for node in nodes if isinstance(node, ast.Name | ast.Attribute)}


def has_server(dash: ast.Call) -> bool:
    """Whether an application of Dash was given a Flask object that has a name.

    https://dash.plotly.com/reference#dash.dash
    """
    given = [*dash.args[1:2], *(one.value for one in dash.keywords if one.arg == "server")]
    named = (one for one in given if not isinstance(one, ast.Call))
    return any(not (isinstance(one, ast.Constant) and one.value is True) for one in named)


def is_server(value: ast.expr) -> bool:
    """Whether it is the attribute that Dash, and what is made with it, has for a server."""
    return isinstance(value, ast.Attribute) and value.attr == "server"


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
