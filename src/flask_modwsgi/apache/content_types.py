"""Which file ending means which content type, also where ``/etc/mime.types`` is missing."""

import mimetypes
from pathlib import Path

# Python's own table lacks these in some versions, or has them as they were once called.
WEB = {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}

# What is no page, but often a secret, for Apache and Python, in a path that begins with a slash: what is
# hidden, but for what others look for (RFC 8615), and copies that editors and tools leave, also numbered
# ones and those of package managers.
PRIVATE = (
    r"/\.(?!well-known/)|/#[^/]*#$|~$|___jb_(?:tmp|old|bak)___$"
    r"|\.(?i:(?:backup|bak|old|orig|rej|save|sw[a-p]|tmp)(?:\.?\d+)?"
    r"|(?:dpkg|ucf)-[a-z]+|(?:pac|rpm)(?:new|orig|save))$"
)

# What gets smaller when it is compressed.
COMPRESSIBLE = (
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/wasm",
    "application/xml",
    "image/svg+xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/plain",
    "text/xml",
)

# Text beside `text/...` and `...+xml`, to which Flask adds ``charset=utf-8``.
TEXT = {
    "application/ecmascript",
    "application/javascript",
    "application/sql",
    "application/xml",
    "application/xml-dtd",
    "application/xml-external-parsed-entity",
}


def table() -> dict[str, str]:
    """Content types by ending: the system's own files win over `WEB`, and that over Python."""
    known = mimetypes.MimeTypes()
    for ending, kind in WEB.items():
        known.add_type(kind, ending)
    for file in mimetypes.knownfiles:
        if Path(file).is_file():
            known.read(file)
    return known.types_map[True]


def as_mime_types() -> str:
    """The table as Apache's ``TypesConfig`` directive reads it."""
    return "".join(f"{kind} {ending[1:]}\n" for ending, kind in sorted(table().items()))


def text_endings() -> list[str]:
    """The endings of what Flask sends with ``charset=utf-8``; see ``werkzeug.utils.get_content_type``."""
    return [
        ending
        for ending, kind in table().items()
        if kind.startswith("text/") or kind.endswith("+xml") or kind in TEXT
    ]
