"""A project on disk: where its parts are, and what its owner chose in ``pyproject.toml``."""

import os
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from .. import problems
from ..machine import files, trust

APACHES = ("auto", "system", "bundled")


def _followed(var: Path) -> Path:
    """Follow the link through which releases share ``var/``.

    Of one that others can change, root has to see that it is a link: what it writes there is refused.
    """
    if os.path.islink(var) and (os.geteuid() != 0 or not trust.first_foreign([var])):
        return Path(os.path.realpath(var))
    return var


# In var/: server roots, logs and keys.
_SECRET = (
    *("apache", "stand-in", "log", "tls", "https"),
    *("proof", "hello", "rehearsal", "report", "test"),
)


class Project:
    """A folder with a Flask application and a section ``[tool.flask-modwsgi]``.

    The paths need no file to exist. What comes from ``pyproject.toml`` is read when it is first
    asked for, and raises a Problem where it cannot be read.
    """

    def __init__(
        self,
        root: Path,
        chosen_environment: Path | None = None,
        link: Path | None = None,
        service: Path | None = None,
    ) -> None:
        """
        :param root: Without links on the way to it.
        :param link: The path with a link that leads there now, if it was called by one.
        :param service: ``var`` of another release, if its server is this one's, see `apache.releases`.
        """
        self.root = root
        self.link = link
        self.venv = root / ".venv"  # the link to the environment in use
        self.var = _followed(root / "var")  # everything that is made while the project runs
        self.service = service or self.var  # what is made while its server runs
        self.logs = self.service / "log"  # of the server in the background
        self.data = self.var / "data"  # what the application writes; its user's alone
        self.env_file = root / ".env"  # settings and secrets
        self._chosen_environment = chosen_environment

    @cached_property
    def environment(self) -> Path:
        """The folder of the environment: the chosen one, or the target of the link.

        A server must not go through the link, or it would mix two environments when that moves.
        """
        return Path(os.path.realpath(self._chosen_environment or self.venv))

    @property
    def python(self) -> Path:
        """The Python of the environment."""
        return self.environment / "bin" / "python"

    @cached_property
    def _table(self) -> Mapping[str, str]:
        """The name, and the section of this package."""
        try:
            table = tomllib.loads(files.source(self.root / "pyproject.toml").decode())
            own = table["tool"]["flask-modwsgi"]
            found = {"name": table.get("project", {}).get("name", self.root.name), **own}
            if wrong := [name for name, value in found.items() if not isinstance(value, str)]:
                raise TypeError(f"{wrong[0]} is no text")
            if (apache := found.get("apache", "auto")) not in APACHES:
                raise ValueError(f"apache is '{apache}'; it can be {', '.join(APACHES)}")
            return found
        except OSError as error:
            raise problems.pyproject_broken(error.strerror or str(error)) from None
        except (AttributeError, ValueError, TypeError) as error:
            raise problems.pyproject_broken(str(error)) from None
        except KeyError as error:
            raise problems.pyproject_broken(f"it has no {error}") from None

    def _answer(self, key: str) -> str:
        try:
            return self._table[key]
        except KeyError:
            raise problems.pyproject_broken(f"it has no '{key}'") from None

    @property
    def name(self) -> str:
        """The distribution's name; where there is none, that of the folder."""
        return self._answer("name")

    @property
    def app_name(self) -> str:
        """The application's import name, and the name of its process group."""
        return self._answer("app_name")

    @property
    def apache(self) -> str:
        """The kind of Apache to build against, one of `APACHES`."""
        return self._answer("apache")

    @property
    def made_with(self) -> str:
        """The version whose template or ``init`` wrote the project's files; empty if unknown."""
        return self._table.get("made_with", "")

    @property
    def wsgi_file(self) -> Path:
        """What Apache loads."""
        return self.root / self._table.get("wsgi", f"{self.app_name}.wsgi")

    @property
    def package(self) -> Path:
        """The Flask application: a package, or a single file."""
        return self.root / self._table.get("package", self.app_name)

    @property
    def import_folder(self) -> Path:
        """Where Python finds the application's module: in `package`, if that is a folder of modules."""
        package = self.package
        modules = {re.sub(r"\W", "_", file.stem) for file in package.glob("*.py")}
        is_folder = "__init__" not in modules and self.app_name in modules
        return package if is_folder else package.parent

    def secret_in(self, folder: Path, keys: Iterable[Path] = ()) -> Path | None:
        """What nobody else may read, of what is in a folder that everyone reads; None if it has none.

        :param keys: Of certificates, wherever they are.
        """
        inner = Path(os.path.realpath(folder))
        tops = [Path(os.path.realpath(one)) for one in (self.var, self.service)]
        # Flask follows links, such as those of releases that share them.
        links = [Path(os.path.realpath(one.parent), one.name) for one in (self.env_file, self.var)]
        single = (Path(os.path.realpath(one)) for one in (self.env_file, *keys))
        for secret in (*single, *tops, *links):
            if secret.is_relative_to(inner):
                return secret
        own = (top / name for top in tops for name in _SECRET)
        return inner if any(map(inner.is_relative_to, own)) else None

    def linked_secret(
        self, paths: Iterable[Path], keys: Iterable[Path] = ()
    ) -> tuple[Path, Path] | None:
        """The first of `paths` that gives a secret another name, by a link of either kind, and the secret.

        :param keys: As of `secret_in`.
        """
        known = self._linked_secrets(keys)
        for path in paths:
            with suppress(OSError):  # removed meanwhile, or in a closed folder
                if os.path.islink(path):
                    secret = self.secret_in(path, keys)
                else:
                    secret = known.get(_identity(path.lstat())) if known else None
                    if secret and os.path.realpath(path) == str(secret):
                        secret = None
                if secret:
                    return path, secret
        return None

    def _linked_secrets(self, keys: Iterable[Path]) -> dict[tuple[int, int], Path]:
        """The secrets with more than one name; none in a folder where the application names files."""
        tops = {Path(os.path.realpath(one)) for one in (self.var, self.service)}
        folders = [top / name for top in tops for name in _SECRET]
        inner = (file for top in folders if not top.is_symlink() for file in all_files(top))
        found: dict[tuple[int, int], Path] = {}
        single = (Path(os.path.realpath(one)) for one in (self.env_file, *keys))
        for file in (*single, *inner):
            with suppress(OSError):
                status = file.lstat()
                owners = (0, self.root.stat().st_uid)
                if status.st_nlink > 1 and file.parent.stat().st_uid in owners:
                    found.setdefault(_identity(status), file)
        return found

    def shown(self, path: Path) -> str:
        """The path for people: from the project's folder on if it is there, which a shared ``var/`` is not."""
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def all_files(root: Path) -> Iterator[Path]:
    """The files and links in a folder, without following these."""
    for place, folders, names in os.walk(root):
        links = (name for name in folders if os.path.islink(os.path.join(place, name)))
        yield from (Path(place, name) for name in (*names, *links))


def walked(root: Path, besides: Collection[str]) -> Iterator[Path]:
    """The files in a folder, but none of an environment, and none that is hidden or closed.

    A folder that is removed meanwhile has none.

    :param besides: Names of folders that are passed over.
    """
    for place, folders, names in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if name not in besides
            and not name.startswith(".")
            and os.access(os.path.join(place, name), os.R_OK | os.X_OK)
            and not os.path.exists(os.path.join(place, name, "pyvenv.cfg"))
        )
        yield from (Path(place, name) for name in sorted(names))


def python_files(root: Path, besides: Collection[str]) -> Iterator[Path]:
    """The Python files of those."""
    return (file for file in walked(root, besides) if file.suffix == ".py")
