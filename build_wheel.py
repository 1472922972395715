"""Builds the distributions of flask-modwsgi with the standard library alone: no network, no tool.

The hook of the template calls `build_wheel` for each new project, and so do pip, uv and
``python -m build``, for which this module is a build backend (PEP 517). The same source gives the
same bytes on every machine: files are stored uncompressed, sorted, without dates and owners, and
with line ends as in git. `cruft update` can therefore patch the wheel of a project.
"""

import gzip
import io
import re
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from flask_modwsgi import __version__
from flask_modwsgi.setup import wheel_file

ROOT = Path(__file__).resolve().parent


def build_wheel(
    wheel_directory: str, config_settings: object = None, metadata_directory: str | None = None
) -> str:
    """Write the wheel and return its name (PEP 517)."""
    project = _project()
    texts = {
        "METADATA": _metadata(project),
        "entry_points.txt": _entry_points(project),
        "licenses/LICENSE": _text("LICENSE"),
    }
    return wheel_file.write(Path(wheel_directory), __version__, texts).name


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:
    """Write the source archive and return its name (PEP 517)."""
    folder = f"flask_modwsgi-{__version__}"
    names = ("LICENSE", "README.md", "build_wheel.py", "pyproject.toml")
    files = {name: _text(name).encode() for name in names}
    files |= {f"src/{name}": data for name, data in wheel_file.package().items()}
    files["PKG-INFO"] = _metadata(_project()).encode()
    name = f"{folder}.tar.gz"
    with (
        Path(sdist_directory, name).open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path, data in sorted(files.items()):
            entry = tarfile.TarInfo(f"{folder}/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return name


def _text(name: str) -> str:
    """With line ends as in git."""
    return (ROOT / name).read_text(encoding="utf-8")


def _project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(_text("pyproject.toml"))["project"]
    return found


def _entry_points(project: dict[str, Any]) -> str:
    """https://packaging.python.org/en/latest/specifications/entry-points/"""
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    sections = (
        "".join([f"[{group}]\n", *(f"{name} = {target}\n" for name, target in entries.items())])
        for group, entries in groups.items()
    )
    return "\n".join(sections)


def _metadata(project: dict[str, Any]) -> str:
    """https://packaging.python.org/en/latest/specifications/core-metadata/"""
    rows = [
        ("Metadata-Version", "2.4"),
        ("Name", project["name"]),
        ("Version", __version__),
        ("Summary", project["description"]),
        ("License-Expression", project["license"]),
        ("License-File", "LICENSE"),
        ("Requires-Python", project["requires-python"]),
        ("Keywords", ",".join(project["keywords"])),
    ]
    rows += [("Classifier", text) for text in project["classifiers"]]
    rows += [("Project-URL", f"{name}, {url}") for name, url in project["urls"].items()]
    rows += [("Requires-Dist", text) for text in project["dependencies"]]
    for extra, needs in project["optional-dependencies"].items():
        rows.append(("Provides-Extra", extra))
        rows += [("Requires-Dist", f"{text} ; extra == '{extra}'") for text in needs]
    rows.append(("Description-Content-Type", "text/markdown"))
    description = _description(project["urls"]["Source"])
    return "".join([*(f"{name}: {value}\n" for name, value in rows), "\n", description])


def _description(source: str) -> str:
    """README, with links to the files of this version: a package index has none of them.

    :param source: The address of the repository.
    """

    def absolute(start: re.Match[str]) -> str:
        kind = "blob" if start[0].startswith("[") else "raw"
        return f"{start[0]}{source}/{kind}/v{__version__}/"

    return re.sub(r'(!?\[[^]]*\]\(|\bsrc(set)?=")(?![a-z]+:|#)', absolute, _text("README.md"))
