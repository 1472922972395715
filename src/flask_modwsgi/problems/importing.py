"""What can be missing or in the way where the application imports a module."""

from pathlib import Path

from . import systems
from .catalogue import Values, entry

# Modules that Python 3.12 and 3.13 come without (https://peps.python.org/pep-0594/), and what provides them.
REMOVED = {
    "distutils": "setuptools",
    "pkg_resources": "setuptools<81",
    "cgi": "legacy-cgi",
    "cgitb": "legacy-cgi",
    "audioop": "audioop-lts",
    "imghdr": "standard-imghdr",
    "telnetlib": "standard-telnetlib",
}
_OF_WINDOWS = {"_msi", "_winapi", "msilib", "msvcrt", "nt", "winreg", "winsound"}


@entry("yaml", "ModuleNotFoundError: No module named 'yaml'")
def package_missing(module: str, traceback: str) -> None:
    """The application imports {module}, which no package in .venv provides.
    | {traceback:short}
    Add the package that provides {module} to {dependencies} (the names of a package and of its
    module may differ), then:
    $ {change_and_setup}
    """


@entry("jinja2.utils", "jinja2", "ModuleNotFoundError: No module named 'jinja2.utils'")
def package_damaged(module: str, package: str, traceback: str) -> None:
    """The application imports {module}, and its files are gone from .venv, or empty, although setup installed {package}.
    | {traceback:short}
    Something removed or emptied them later. ./run setup alone may take the package for installed.
    $ ./run setup --rebuild     # installs every package again
    """


@entry("distutils", "setuptools", "ModuleNotFoundError: No module named 'distutils'")
def module_removed(module: str, package: str, traceback: str) -> None:
    """The application imports {module}, which newer versions of Python do not have.
    | {traceback:short}
    The package {package} provides it. Update the package that imports it, or add {package} to
    {dependencies}, then:
    $ {change_and_setup}
    """


@entry("_sqlite3", "ModuleNotFoundError: No module named '_sqlite3'")
def python_incomplete(module: str, traceback: str) -> Values:
    """The application imports {module}, a part of Python that is missing in this Python.
    | {traceback:short}
    {why}
    $ {command}
    """
    if module in _OF_WINDOWS:
        why = "Only Python for Windows has it. This finds where the code imports it:"
        return {"why": why, "command": systems.find_in_code(module, "w")}
    if module in ("tkinter", "_tkinter"):
        why = "Most systems have it in a package of their own."
        return {"why": why, "command": f"{systems.install('tkinter')} && ./run setup"}
    why = (
        "No package provides it. Its library or headers were missing when this Python was built."
        " Install them and build that Python again, or choose another Python:"
    )
    return {"why": why, "command": "PYTHON=/usr/bin/python3 ./run setup"}


@entry("werkzeug.contrib", "werkzeug", "ModuleNotFoundError: No module named 'werkzeug.contrib'")
def module_lacking(module: str, package: str, traceback: str) -> None:
    """The application imports {module}, and {package} has no such module.
    | {traceback:short}
    It may be misspelt, or belong to another version. Change the import, or the version of {package}
    in {dependencies}, then:
    $ {change_and_setup}
    """


@entry("blog", "importlib.metadata.PackageNotFoundError: No package metadata was found for blog")
def project_uninstalled(name: str, traceback: str, is_hashed: bool = False) -> Values:
    """The application asks for the version of this project ({name}), which is not installed in .venv.
    | {traceback:short}
    {how}
    $ {command}
    """
    if is_hashed:
        how = "If requirements.txt has hashes, pip and uv do not install a local folder. Write the version into the code; this finds the place:"
        return {"how": how, "command": systems.find_in_code("metadata")}
    add = r"printf '\n-e .\n' >> requirements.txt && ./run setup"
    return {"how": "setup installs the project if requirements.txt lists it.", "command": add}


@entry(
    Path("/srv/blog/blog.py"),
    Path("/srv/blog/blog.wsgi"),
    "ModuleNotFoundError: No module named 'blog'",
)
def app_gone(package: Path, wsgi: Path, traceback: str) -> None:
    """The application was not found: {package}.
    | {traceback:short}
    It was renamed, moved or not copied. If it has another name now, write that into {wsgi.name} and
    into [tool.flask-modwsgi] in pyproject.toml.
    $ ls {package.parent!q}
    $ ${{EDITOR:-vi}} {wsgi.name!q} pyproject.toml
    """


@entry("models", Path("shop/models.py"), "ModuleNotFoundError: No module named 'models'")
def module_misplaced(module: str, found: Path, traceback: str) -> Values:
    """The application imports {module}, which Python does not find, although {found} exists.
    | {traceback:short}
    Python looks for modules in the project's folder and in .venv. Import it as {package}.{module},
    or install {found.parent} as a package.
    $ {find_in_code:(import|from) {module}}
    """
    return {"package": ".".join(found.parent.parts)}


@entry("tools", Path("/opt/shared/tools"), "ModuleNotFoundError: No module named 'tools'")
def pythonpath_ignored(module: str, found: Path, traceback: str) -> None:
    """The application imports {module}, which is found only through PYTHONPATH, as {found}.
    | {traceback:short}
    The server ignores PYTHONPATH, in the shell and in .env, because Python would search it before all
    packages. Copy the module, or put its folder on sys.path in the .wsgi file.
    $ cp -r {found!q} .
    """


@entry(
    Path("/srv/blog/token.py"),
    "ImportError: cannot import name 'EXACT_TOKEN_TYPES' from 'token' (/srv/blog/token.py)",
)
def module_hidden(file: Path, traceback: str) -> Values:
    """{file} hides another module named {file.stem}.
    | {traceback:short}
    The project's folder comes first on sys.path, so Python and its packages import this file
    instead of the module they need. Rename the file, and change the lines that import it.
    $ mv {file!q} {renamed!q}
    """
    return {"renamed": file.with_name(f"own_{file.name}")}
