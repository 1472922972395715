"""Builds the distributions of flask-modwsgi with the standard library alone: no network, no tool.

The hook of the template calls `build_wheel` for each new project, and so do pip, uv and
``python -m build``, for which this module is a build backend (PEP 517). The same source gives the
same bytes on every machine: files are stored uncompressed, sorted, without dates and owners, and
with line ends as in git. `cruft update` can therefore patch the wheel of a project.
"""

import base64
import gzip
import hashlib
import io
import re
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
DATE = (2020, 1, 1, 0, 0, 0)


def build_wheel(
    wheel_directory: str, config_settings: object = None, metadata_directory: str | None = None
) -> str:
    """Write the wheel and return its name (PEP 517)."""
    project, version = _project(), _version()
    info = f"flask_modwsgi-{version}.dist-info"
    files = _package()
    files[f"{info}/METADATA"] = _metadata(project, version)
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: flask-modwsgi\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/entry_points.txt"] = _entry_points(project)
    files[f"{info}/licenses/LICENSE"] = _content(ROOT / "LICENSE")
    record = f"{info}/RECORD"
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in sorted(files.items())]
    files[record] = "\n".join([*rows, f"{record},,", ""]).encode()
    name = f"flask_modwsgi-{version}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as archive:
        for path, data in sorted(files.items()):
            entry = zipfile.ZipInfo(path, DATE)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, data)
    return name


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:
    """Write the source archive and return its name (PEP 517)."""
    project, version = _project(), _version()
    folder = f"flask_modwsgi-{version}"
    names = ("LICENSE", "README.md", "build_wheel.py", "pyproject.toml")
    files = {name: _content(ROOT / name) for name in names}
    files |= {f"src/{name}": data for name, data in _package().items()}
    files["PKG-INFO"] = _metadata(project, version)
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


def _project() -> dict[str, Any]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, Any] = table["project"]
    return found


def _version() -> str:
    source = (ROOT / "src" / "flask_modwsgi" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    assert match
    return match[1]


def _package() -> dict[str, bytes]:
    """Every file of the package, by its name in the wheel."""
    source = ROOT / "src"
    return {
        path.relative_to(source).as_posix(): _content(path)
        for path in (source / "flask_modwsgi").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
    }


def _content(path: Path) -> bytes:
    """With line ends as in git, which has no binary files here."""
    return path.read_bytes().replace(b"\r\n", b"\n")


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def _entry_points(project: dict[str, Any]) -> bytes:
    """https://packaging.python.org/en/latest/specifications/entry-points/"""
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    sections = (
        "".join([f"[{group}]\n", *(f"{name} = {target}\n" for name, target in entries.items())])
        for group, entries in groups.items()
    )
    return "\n".join(sections).encode()


def _metadata(project: dict[str, Any], version: str) -> bytes:
    """https://packaging.python.org/en/latest/specifications/core-metadata/"""
    rows = [
        ("Metadata-Version", "2.4"),
        ("Name", project["name"]),
        ("Version", version),
        ("Summary", project["description"]),
        ("License-Expression", project["license"]),
        ("License-File", "LICENSE"),
        ("Requires-Python", project["requires-python"]),
        ("Keywords", ",".join(project["keywords"])),
    ]
    rows += [("Classifier", text) for text in project["classifiers"]]
    rows += [("Project-URL", f"{name}, {url}") for name, url in project.get("urls", {}).items()]
    rows += [("Requires-Dist", text) for text in project["dependencies"]]
    for extra, needs in project["optional-dependencies"].items():
        rows.append(("Provides-Extra", extra))
        rows += [("Requires-Dist", f"{text} ; extra == '{extra}'") for text in needs]
    rows.append(("Description-Content-Type", "text/markdown"))
    readme = _content(ROOT / "README.md").decode()
    return "".join([*(f"{name}: {value}\n" for name, value in rows), "\n", readme]).encode()
