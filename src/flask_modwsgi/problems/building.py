"""What can go wrong while the environment is built."""

import re
from collections.abc import Sequence
from pathlib import Path

from . import systems
from .catalogue import Values, entry


@entry("there is no finished .venv")
def not_set_up(reason: str) -> None:
    """The environment is not ready: {reason}.
    Apache needs the virtual environment in .venv with Flask and mod_wsgi.
    $ ./run setup
    """


@entry(Path("/home/ann/My Projects/blog"), " ")
def path_unusable(root: Path, character: str) -> Values:
    """The path of the project contains {character!r}: {root}.
    Apache's control scripts do not quote paths. Letters, digits and / . _ - + @ ~ = , work.
    $ mv {root!q} {new} && cd {new} && ./run setup
    """
    unusable = re.compile(r"[^\w/.+@~=,-]")
    above = "~" if unusable.search(str(root.parent)) else str(root.parent).rstrip("/")
    return {"new": f"{above}/{unusable.sub('-', root.name)}"}


@entry([("/usr/bin/python3", "Python 3.9.18 is older than 3.11")])
def python_unsuitable(passed_over: Sequence[tuple[str, str]]) -> Values:
    """No Python on this machine can be used with Apache.
    | {tried}
    mod_wsgi needs Python 3.11 or newer, with its headers and its shared library. The user that the
    application runs as must be able to read them.{older}
    $ {install:{need}} && ./run setup
    $ PYTHON=/path/to/python3 ./run setup
    """
    is_old = any("is older than" in reason for _, reason in passed_over)
    older = " If the system's Python is older, install a newer one beside it."
    return {
        "tried": [f"{path}: {reason}" for path, reason in passed_over],
        "older": older if is_old else "",
        "need": "newer-python" if is_old else "python",
    }


@entry(["no apxs was found"])
def apache_missing(missing: Sequence[str]) -> None:
    """No complete Apache is installed: {missing:; }.
    mod_wsgi is compiled against Apache's headers, and the program apxs says where they are. The
    second command uses the bundled Apache until the next setup. To use it always, write
    apache = "bundled" below [tool.flask-modwsgi] in pyproject.toml.
    $ {install:system} && ./run setup
    $ ./run setup --apache bundled
    """


@entry("bundled", ["make", "expat.h"])
def build_tools_missing(kind: str, missing: Sequence[str]) -> Values:
    """mod_wsgi cannot be built, because these were not found: {missing}.
    mod_wsgi is compiled on the machine it runs on; there are no ready-made binaries.{bundled}
    $ {install:{kind}} && ./run setup
    """
    return {"bundled": " The bundled Apache is compiled too." if kind == "bundled" else ""}


@entry("Building mod_wsgi", "error: command 'gcc' failed", Path("var/log/setup.log"))
def install_failed(doing: str, output: str, log: Path) -> None:
    """{doing} failed. The last lines of its output:
    | {output}
    The whole output is in {log}. Fix the cause, then type ./run setup.
    $ tail -n 50 {log!q}
    $ ./run setup
    """


@entry("Installing requirements.txt", "Temporary failure in name resolution")
def network_unreachable(doing: str, output: str) -> None:
    """{doing} failed, because the package index could not be reached.
    | {output}
    To use a proxy, set HTTPS_PROXY. To use another index, set PIP_INDEX_URL, and PIP_CERT to a PEM
    file of its certificate authority. With uv, set UV_DEFAULT_INDEX and SSL_CERT_FILE instead.
    $ ./run setup
    """


@entry("Installing requirements.txt", "packages.example.com")
def index_login_refused(doing: str, host: str) -> None:
    r"""{doing} failed, because {host} asks for a user name and a password.
    pip and uv take them from the address of the index, or from ~/.netrc. This command adds a line
    there, and opens the file for you to complete it:
    $ printf '\nmachine {host} login NAME password PASSWORD\n' >> ~/.netrc && chmod 600 ~/.netrc && ${{EDITOR:-vi}} ~/.netrc && ./run setup
    """


@entry("The user requested werkzeug==2.0.0\nflask 3.1.3 depends on werkzeug>=3.1.0")
def requirements_conflict(reason: str) -> None:
    """The project's packages require versions that conflict.
    | {reason}
    One of them must allow another version. Change {dependencies}, then:
    $ {change_and_setup}
    """


@entry("Installing requirements.txt", "requests==2.32.3")
def hashes_missing(doing: str, packages: str) -> None:
    """{doing} failed: some lines of the file have hashes, and these have none:
    | {packages}
    If one package has a hash, every package needs one. A local folder cannot have one. Add the
    missing packages to dependencies in pyproject.toml and compile again, or remove all hashes.
    $ {change_and_setup}
    """


@entry("Installing requirements.txt", "blinker==1.9.0")
def hash_mismatch(doing: str, package: str) -> Values:
    """{doing} failed: the download of {package} does not match its hash.
    {reason}
    $ {commands}
    """
    if "requirements" not in doing:
        # The hash is one of those in setup/pins.
        without_cache = "PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1"
        from_pypi = "PIP_INDEX_URL=https://pypi.org/simple UV_DEFAULT_INDEX=https://pypi.org/simple"
        reason = (
            "The hash is that of the file on pypi.org, and is a part of flask-modwsgi. The cache of pip or"
            " uv, the package index in your settings or a proxy gave another file. The first command uses"
            " no cache. The second one also takes pypi.org as the index. If that fails, too, look for extra"
            " indexes in pip.conf, uv.toml and the environment."
        )
        tries = (without_cache, f"{without_cache} {from_pypi}")
        return {"reason": reason, "commands": [f"{settings} ./run setup" for settings in tries]}
    reason = (
        "The hash belongs to another version, or the package was changed after it was pinned. If you"
        " trust the package index, get the package's hashes again, perhaps those of a newer version:"
    )
    name = re.split(r"[^\w.-]", package)[0]
    command = systems.renew_hashes(name, "requirements-dev.txt" in doing)
    return {"reason": reason, "commands": command}


@entry("soupsieve==4.1.3", "Installing requirements.txt", ">=3.11.5", "3.11.2")
def package_unknown(package: str, doing: str, needed: str = "", version: str = "") -> Values:
    """The package index has no {package}, or none for this Python and system.
    The name may be misspelt, or the package was removed, or it is on an index that could not be
    reached.{ignored}
    $ {commands}
    """
    are_tools = "requirements-dev.txt" in doing
    if not needed:
        # The pins of this package are in no file of the project.
        is_listed = "requirements" in doing
        change = [systems.change_of(package, are_tools)] if is_listed else []
        return {"ignored": "", "commands": ["./run setup", *change]}
    ignored = (
        f" Or it needs another Python: pip ignored {package.partition('==')[2]} of this package or another"
        f" one, which needs Python {needed}; the project has Python {version}. pip-compile pins versions"
        " for the Python that it runs with. uv pins them for every Python from 3.11 on. If you need this"
        " version of the package, set up the project with another Python."
    )
    pin = systems.change_of(package, are_tools, for_every_python=True)
    commands = [pin, "PYTHON=/path/to/python3 ./run setup", "./run setup"]
    return {"ignored": ignored, "commands": commands}


@entry("psycopg2==2.9", "fatal error: libpq-fe.h: No such file", Path("var/log/setup.log"))
def package_unbuildable(package: str, output: str, log: Path) -> None:
    """{package} could not be built.
    | {output}
    There is no ready-made binary of it, so it is compiled on this machine. Most often a compiler or
    the headers of a library are missing. This command installs a compiler and the headers of Python
    and OpenSSL. If the output names another header, such as libpq-fe.h, install the package that
    has it, such as libpq-dev. The whole output is in {log}.
    $ {install:bundled} && ./run setup
    """


@entry(["mod-wsgi"], "requirements.txt")
def requirements_own(names: Sequence[str], file: str) -> None:
    """{file} lists {names}, which setup installs itself.
    mod_wsgi is built for the Apache of this machine, and flask-modwsgi comes from wheels/. Remove
    {names} from {dependencies}. Also remove any package that needs it.
    $ {change_and_setup}
    """


@entry(["the library libpython3.12.so.1.0 is not found"])
def build_broken(findings: Sequence[str]) -> None:
    """mod_wsgi was built but cannot be used: {findings:; }.
    Apache would fail to load it, or load the wrong Python.
    $ ./run setup --rebuild
    """


@entry(Path("/srv/blog/requirements.txt"))
def requirements_missing(file: Path) -> None:
    """There is no {file}.
    setup installs the packages that it lists. Compile it from the dependencies in pyproject.toml:
    $ {change_and_setup}
    """


@entry(["python-dotenv is 0.21.0, and flask-modwsgi needs 1.0 or newer"])
def packages_conflict(findings: Sequence[str]) -> None:
    """The versions of the project's packages conflict: {findings:; }.
    setup does not replace a version that you pinned. Change {dependencies}, then:
    $ {change_and_setup}
    """


@entry()
def flask_missing() -> None:
    """requirements.txt does not install Flask.
    flask-modwsgi needs Flask, even if the application does not. Add Flask to {dependencies}, then:
    $ {change_and_setup}
    """


@entry(Path("/srv/blog/wheels"))
def wheel_missing(folder: Path) -> None:
    """There is no flask_modwsgi-*.whl in {folder}.
    The project runs with the version of flask-modwsgi in this wheel.
    $ git checkout -- wheels
    """


@entry(["wheels/flask_modwsgi-1.1-py3-none-any.whl"])
def wheels_several(older: Sequence[str]) -> None:
    """The folder wheels has more than one flask_modwsgi-*.whl.
    The project runs with one version of flask-modwsgi. This keeps the wheel that was added last:
    $ mv {older: } var/ && ./run setup
    """
