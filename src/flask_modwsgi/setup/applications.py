"""Finds the Flask application of a project by reading its Python files; none of them is run.

An application is named as Flask does it, https://flask.palletsprojects.com/en/stable/cli/:
``module:name`` with an object or a factory, ``module:factory("argument")``, or a file's name.
"""

import ast
import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from keyword import iskeyword
from pathlib import Path

from .. import problems
from . import origins, own_modules, requirements, syntax
from .syntax import FACTORIES

# The likelier ones first.
SERVED = ("application", "app")
NAMES = (*SERVED, *FACTORIES)
FILES = ("wsgi.py", "app.py", "__init__.py")
# Modules that are made to be started, and may add to an application that they import.
ENTRIES = ("application", "index", "main", "passenger_wsgi", "run", "server", "wsgi")
# Calls that take an application and return none that Apache serves, by a part of their name.
NOT_SERVED = re.compile("api$|asgi|celery|dash|socketio", re.IGNORECASE)
WSGI = '''\
"""What Apache loads: the application, found by the place of this file."""

import sys
{imports}from pathlib import Path

root = Path(__file__).resolve().parent
sys.path[:0] = [{folder}str(root)]

{load}
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
    def variable(self) -> str:
        """The name in the module with which the expression begins."""
        return re.split(r"[(.]", self.expression)[0]

    @property
    def name(self) -> str:
        """The import name of the package, or of the single module, as an identifier."""
        return re.sub(r"\W", "_", self.module.partition(".")[0])

    @property
    def package(self) -> str:
        """Its part of the project, as a relative path: a package, a folder of modules, or a file."""
        path = self.folder / self.module.partition(".")[0]
        if self.file.is_relative_to(path):
            return path.as_posix()
        return (self.folder if self.folder.parts else self.file).as_posix()

    @property
    def wsgi_file(self) -> str:
        """What Apache loads: it defines the name ``application``."""
        folder = f'str(root / "{self.folder.as_posix()}"), ' if self.folder.parts else ""
        first = self.variable
        imports = ""
        if not all(part.isidentifier() and not iskeyword(part) for part in self.module.split(".")):
            imports = "from importlib import import_module\n"
            module = json.dumps(self.module, ensure_ascii=False)
            load = f"application = import_module({module}).{self.expression}"
        elif first == self.expression:
            load = f"from {self.module} import {first} as application"
        else:
            load = f"from {self.module} import {first}\n\napplication = {self.expression}"
        return WSGI.format(imports=imports, folder=folder, load=load)


def search(root: Path) -> list[Application]:
    """Everything that looks like an application, the likeliest first."""
    found: list[Application] = []
    passed_on: dict[Application, Application] = {}
    inner: list[Application] = []
    for file in own_modules.files(root):
        with contextlib.suppress(LookupError):
            own = _in_file(root, file)
            if file.stem in ENTRIES:
                others = _passed_on(root, file)
                if not own:
                    added = [pair for pair in others if own_modules.adds(root, file, pair[1].file)]
                    own = [here for here, _ in added]
                    passed_on.update(added)
                inner += [there for _, there in others if own]
            found += own
    for there in set(passed_on.values()):
        here = sorted((one for one in passed_on if passed_on[one] == there), key=_rank)
        outer = own_modules.outermost(root, [one.file for one in here])
        inner += [one for one in here if one.file not in outer]
    found = [one for one in found if one not in inner]
    folders = {one.folder for one in found}
    packages = {folder for folder in folders if own_modules.is_package(root, folder)}
    return sorted((_from_root(one) if one.folder in packages else one for one in found), key=_rank)


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
            called = syntax.last_name(node.value.func)
            given = syntax.arguments(node.value)
            inner = {aliases.get(one, one) for one in given & {*found, *aliases, *NAMES}}
            is_served = name in SERVED and not NOT_SERVED.search(called)
            if called in FACTORIES or origins.gives_flask(root, file, ast.unparse(node.value.func)):
                found[name] = Application(file, folder, module, name)
            elif called == "Dash" and not syntax.has_server(node.value):
                found[name] = Application(file, folder, module, f"{name}.server")
            elif is_served and (inner or _imported(root, file, given, steps)):  # a middleware
                found = {key: one for key, one in found.items() if key not in inner}
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


def _passed_on(root: Path, file: Path) -> list[tuple[Application, Application]]:
    """The application objects that a file imports by name."""
    definitions = syntax.definitions(root, file)
    names = [name for name, node in definitions if isinstance(node, ast.ImportFrom)]
    found = _imported(root, file, names)
    return [pair for pair in found if not pair[0].expression.endswith("()")]


def _conventional(root: Path, file: Path) -> Application:
    """What Flask would take of a module that makes no application itself.

    :raises LookupError: nothing.
    """
    defined = dict(syntax.definitions(root, file))
    serves = syntax.serves(root, file)  # an import of it would not end
    found = [there if serves else here for here, there in _passed_on(root, file)]
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
