"""The wheel of this package, made by the package itself: `init` puts it into a project.

The same as the one that build_wheel.py makes from the source; a test compares them.
"""

import base64
import hashlib
import shutil
import zipfile
from importlib.metadata import distribution
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
METADATA = ("METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE")
DATE = (2020, 1, 1, 0, 0, 0)


def put(folder: Path) -> Path:
    """Write the wheel into `folder`: a copy where this runs from a wheel, otherwise a new one."""
    folder.mkdir(exist_ok=True)
    if PACKAGE.parent.is_file():
        return Path(shutil.copy(PACKAGE.parent, folder))
    own = distribution("flask-modwsgi")
    info = f"flask_modwsgi-{own.version}.dist-info"
    files = {f"flask_modwsgi/{name}": path.read_bytes() for name, path in _modules().items()}
    files |= {f"{info}/{name}": (own.read_text(name) or "").encode() for name in METADATA}
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in sorted(files.items())]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    target = folder / f"flask_modwsgi-{own.version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, data)
    return target


def _modules() -> dict[str, Path]:
    return {
        path.relative_to(PACKAGE).as_posix(): path
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
    }


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
