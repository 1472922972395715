"""Which file ending means which content type, also where ``/etc/mime.types`` is missing."""

import mimetypes
from pathlib import Path

# Python's own table lacks these before 3.14, and browsers insist on them.
WEB = {
    ".avif": "image/avif",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


def table() -> dict[str, str]:
    """Content types by ending: the system's own files win over Python, and that over `WEB`."""
    known = mimetypes.MimeTypes()
    for file in mimetypes.knownfiles:
        if Path(file).is_file():
            known.read(file)
    return WEB | known.types_map[True]


def as_mime_types() -> str:
    """The table as Apache's ``TypesConfig`` directive reads it."""
    return "".join(f"{kind} {ending[1:]}\n" for ending, kind in sorted(table().items()))
