"""The wheel of this package: build_wheel.py makes it of the source, `init` of what is installed.

https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import base64
import hashlib
import shutil
import zipfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
DATE = (2020, 1, 1, 0, 0, 0)
TAGS = "Wheel-Version: 1.0\nGenerator: flask-modwsgi\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def put(folder: Path) -> Path:
    """Write the wheel into `folder`: a copy where this runs from a wheel, otherwise a new one."""
    folder.mkdir(exist_ok=True)
    if PACKAGE.parent.is_file():
        return Path(shutil.copy(PACKAGE.parent, folder))
    own = distribution("flask-modwsgi")
    names = ("METADATA", "entry_points.txt", "licenses/LICENSE")
    return write(folder, own.version, {name: own.read_text(name) or "" for name in names})


def write(folder: Path, version: str, texts: Mapping[str, str]) -> Path:
    """Write the wheel, with `texts` as further files in its ``.dist-info``."""
    info = f"flask_modwsgi-{version}.dist-info"
    files = package() | {f"{info}/{name}": text.encode() for name, text in texts.items()}
    files[f"{info}/WHEEL"] = TAGS.encode()
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in sorted(files.items())]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    target = folder / f"flask_modwsgi-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, data)
    return target


def package() -> dict[str, bytes]:
    """Every file of the package by its name in the wheel, with line ends as in git."""
    return {
        path.relative_to(PACKAGE.parent).as_posix(): path.read_bytes().replace(b"\r\n", b"\n")
        for path in PACKAGE.rglob("*")
        if path.is_file()
        # Not by their suffix: another process may be writing `name.pyc.NUMBER`.
        and "__pycache__" not in path.relative_to(PACKAGE).parts
        and not path.name.startswith(".")
    }


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
