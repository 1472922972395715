"""The exact packages, with hashes, that this package installs beside those of a project."""

from importlib import resources
from pathlib import Path


def text(name: str) -> str:
    """The requirements file ``NAME.txt``, which may be inside a wheel."""
    return resources.files(__name__).joinpath(f"{name}.txt").read_text(encoding="utf-8")


def written(name: str, folder: Path) -> Path:
    """A copy of it in `folder`, for installers."""
    file = folder / f"{name}.txt"
    file.write_text(text(name), encoding="utf-8")
    return file
