"""Finds the Flask application of a project by reading its Python files; none of them is run.

An application is named as Flask does it, https://flask.palletsprojects.com/en/stable/cli/:
``module:name`` with an object or a factory, ``module:factory("argument")``, or a file's name.
"""

import ast
import contextlib
import re
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from .. import problems
from . import origins, own_modules, requirements, syntax
from .found import Application
from .syntax import FACTORIES

# The likelier ones first.
SERVED = ("application", "app")
NAMES = (*SERVED, *FACTORIES)
FILES = ("wsgi.py", "app.py", "__init__.py")
# Modules that are made to be started, and may add to an application that they import.
ENTRIES = ("app", "application", "index", "main", "passenger_wsgi", "run", "server", "wsgi")
# Calls that return no application that Apache serves, by a part of their name.
NOT_SERVED = re.compile(
    "api$|asgi|celery|dash|socketio|litestar|quart|sanic|starlette|typer", re.IGNORECASE
)


def search(root: Path) -> list[Application]:
    """Everything that looks like an application, the likeliest first."""
    found: list[Application] = []
    inner: list[Application] = []
    alike: dict[object, list[Application]] = {}
    for file in own_modules.files(root):
        with contextlib.suppress(LookupError):
            own = _in_file(root, file)
            is_outer = any(one.expression.endswith(".server") for one in own)  # it wraps Flask's
            others = _others(root, file) if is_outer or file.stem in ENTRIES else []
            values = dict(syntax.definitions(root, file))
            passed = {one.variable for one, _ in others}
            is_made_here = any(passed.isdisjoint(syntax.names(values[one.variable])) for one in own)
            if others and not is_made_here and syntax.serves(root, file):
                continue  # Apache could not load it
            made: dict[Application, object] = {}
            for here, there in () if own else _objects(others):
                if own_modules.adds(root, file, there.file):
                    made[here] = there
            inside = [there for _, there in others]
            made |= {one: (ast.unparse(values[one.variable]), *inside) for one in own if inside}
            for one, what in made.items():
                alike.setdefault(what, []).append(one)
            inner += inside if made else []
            found += own or made
    for what, entries in alike.items():
        outer = own_modules.outermost(root, [one.file for one in sorted(entries, key=_rank)])
        if isinstance(what, tuple):  # each makes it anew, and most do nothing else
            outer = [file for file in outer if syntax.acts(root, file)] or outer[:1]
        inner += [one for one in entries if one.file not in outer]
    found = [one for one in found if one not in inner]
    folders = {one.folder for one in found}
    packages = {folder for folder in folders if own_modules.is_package(root, folder)}
    return sorted((_from_root(one) if one.folder in packages else one for one in found), key=_rank)


def called_so(root: Path) -> list[str]:
    """What has the name of an application alone, such as one of Django or Bottle."""
    found = []
    for file in own_modules.files(root):
        with contextlib.suppress(LookupError):
            place = own_modules.place(root, file)
            for name, node in syntax.definitions(root, file):
                value = getattr(node, "value", None)
                called = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
                if name in SERVED and called and not NOT_SERVED.search(called):
                    found.append(str(Application(file, *place, name)))
    return found


def served_by(root: Path, wsgi: str) -> str:
    """The statement in a .wsgi file that gives the application its name, if it can be seen."""
    with contextlib.suppress(LookupError):
        if statement := dict(syntax.definitions(root, Path(wsgi))).get("application"):
            return ast.unparse(statement).splitlines()[0]
    return "what it loads"


def named(root: Path, text: str) -> Application:
    """The application that the user named.

    :raises Problem: there is no such application, or it cannot be called.
    """
    module, _, expression = text.partition(":")
    file = own_modules.file_of(root, module)
    if file is None:
        return _installed(root, text)
    found: list[Application] = []
    try:
        found = sorted(_in_file(root, file), key=_rank)
        if expression:
            meant = _evaluated(root, file, expression.strip())
        else:
            meant = found[0] if found else _conventional(root, file)
    except LookupError as error:
        raise problems.app_not_found(text, str(error), _spelled(found)) from None
    as_typed = _from_root(meant)
    is_package = own_modules.is_package(root, meant.folder, as_typed.module == module)
    return checked(as_typed if is_package else meant)


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

    places = place(FILES, found.file.name), place(NAMES, found.variable), len(found.file.parts)
    return bool(found.lacking), *places, str(found)


def _from_root(found: Application) -> Application:
    """The same, imported from the project's folder; ``src/`` is then a package."""
    module = ".".join([*found.folder.parts, found.module])
    return replace(found, folder=Path(), module=module)


def _in_file(root: Path, file: Path, steps: int = origins.STEPS) -> list[Application]:
    """The names in a module that look like an application.

    :raises LookupError: it cannot be read, or not be imported.
    """
    folder, module = own_modules.place(root, file)
    definitions = syntax.definitions(root, file)
    found: dict[str, Application] = {}
    aliases: dict[str, str] = {}
    before, first = None, ""
    for name, node in definitions:
        if node is before:  # application = app = Flask(__name__)
            aliases[name] = first
            continue
        before, first = node, name
        if isinstance(node, ast.FunctionDef) and syntax.is_factory(node):
            found[name] = Application(
                file, folder, module, f"{name}()", syntax.required_arguments(node)
            )
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            called, given = ast.unparse(node.value.func), syntax.arguments(node.value)
            inner = {aliases.get(one, one) for one in {called, *given}} & {*found, *NAMES}
            last = called.rpartition(".")[2]
            is_served = name in SERVED and not NOT_SERVED.search(last)
            expression = ""
            if last in FACTORIES or origins.gives_flask(root, file, called):
                expression = name
            elif last == "Dash" and not syntax.has_server(node.value):
                expression = f"{name}.server"
            elif is_served and (inner or _imported(root, file, given, steps)):  # a middleware
                expression = name
            if expression:  # not what it was made of
                found = {key: one for key, one in found.items() if key not in inner}
                found[name] = Application(file, folder, module, expression)
        elif not found and isinstance(node, ast.Assign) and syntax.is_server(node.value):
            found[name] = Application(file, folder, module, name)
    return list(found.values())


def _imported(
    root: Path, file: Path, names: Iterable[str], steps: int = origins.STEPS
) -> list[tuple[Application, Application]]:
    """The applications of other files behind `names` of a file: as they are called here, and there."""
    found = []
    for name in names if steps else ():
        with contextlib.suppress(LookupError):
            place = own_modules.place(root, file)
            origin = origins.of(root, file, name)
            if origin is None or origin.file == file:
                continue
            for there in _in_file(root, origin.file, steps - 1):
                if there.variable == origin.name:
                    expression = name + there.expression.removeprefix(origin.name)
                    found.append((Application(file, *place, expression, there.lacking), there))
    return found


def _others(root: Path, file: Path) -> list[tuple[Application, Application]]:
    """The applications of other files that a file imports by name, or uses."""
    definitions = dict(origins.definitions(root, file))
    own = {name: node for name, node in definitions.items() if origins.is_own(root, file, node)}
    used = (name for name in syntax.used(root, file) if name.partition(".")[0] in own)
    names = [name for name, node in own.items() if isinstance(node, ast.ImportFrom)]
    return _imported(root, file, dict.fromkeys([*names, *used]))


def _objects(
    pairs: list[tuple[Application, Application]],
) -> list[tuple[Application, Application]]:
    return [pair for pair in pairs if not pair[0].expression.endswith("()")]


def _conventional(root: Path, file: Path) -> Application:
    """What Flask would take of a module that makes no application itself.

    :raises LookupError: nothing.
    """
    defined = dict(origins.definitions(root, file))
    serves = syntax.serves(root, file)  # an import of it would not end
    found = [there if serves else here for here, there in _objects(_others(root, file))]
    found += [_evaluated(root, file, name) for name in NAMES if name in defined]
    if not found:
        raise LookupError(f"{file} has no call of Flask(), and none of {', '.join(NAMES)}")
    return found[0]


def _evaluated(root: Path, file: Path, expression: str) -> Application:
    """What ``module:expression`` means.

    :raises LookupError: it is nothing that can be.
    """
    place = own_modules.place(root, file)
    name, node = syntax.parsed(expression)
    call = node if isinstance(node, ast.Call) else None
    origin = origins.of(root, file, name.partition(".")[0])
    meant = origin and origin.statement
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
