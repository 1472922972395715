"""Whether what is installed of this package is whole. It is itself imported where it is not."""

from pathlib import Path


def are_whole(packages: Path) -> bool:
    """Whether no file is missing or cut short, as far as pip or uv has recorded them.

    Importing does not tell, because a verb imports the most of what it needs when it is called.

    :param packages: The folder ``site-packages``.
    """
    for record in packages.glob("flask_modwsgi-*.dist-info/RECORD"):
        for row in record.read_text("utf-8", "replace").splitlines():
            columns = row.split(",")
            name, size = columns[0], columns[-1]
            if name.startswith("flask_modwsgi/") and size.isdigit():
                file = packages / name
                if not file.is_file() or file.stat().st_size < int(size):
                    return False
    return True
