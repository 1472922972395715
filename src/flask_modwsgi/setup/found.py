"""An application that was found: what it is called, and the file with which Apache loads it."""

import json
import re
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path

from ..machine import files

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

    def is_loaded_by(self, wsgi: Path) -> bool:
        """Whether a .wsgi file that is there already loads it; the rest may differ."""
        marks = (f"from {self.module} ", "application ")
        needed = [line for line in self.wsgi_file.splitlines() if line.startswith(marks)]
        return set(needed) <= set(files.source(wsgi).decode(errors="replace").splitlines())
