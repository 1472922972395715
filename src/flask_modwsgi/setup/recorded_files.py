"""Which files an installer has recorded of a package, and whether those of this one are whole.

``run`` asks this before it calls the package; otherwise the wheel takes over.
"""

from collections.abc import Iterator
from pathlib import Path


def of(metadata: Path) -> Iterator[tuple[str, str]]:
    """The files of a package, and their sizes in bytes; none where nothing is recorded.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/

    :param metadata: Its folder ``NAME-VERSION.dist-info``.
    """
    try:
        text = (metadata / "RECORD").read_text("utf-8", "replace")
    except OSError:
        return
    for row in text.splitlines():
        name, *others = row.rsplit(",", 2)
        if len(others) == 2:
            yield name, others[1]


def are_whole(packages: Path = Path(__file__).parents[2]) -> bool:
    """Whether no file of this package is missing or cut short.

    Importing does not tell, because a verb imports the most of what it needs when it is called.

    :param packages: The folder ``site-packages``, by default the one that has this module.
    """
    for metadata in packages.glob("flask_modwsgi-*.dist-info"):
        for name, size in of(metadata):
            if name.startswith("flask_modwsgi/") and size.isdigit():
                file = packages / name
                if not file.is_file() or file.stat().st_size < int(size):
                    return False
    return True
