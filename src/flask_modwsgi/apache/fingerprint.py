"""The version of a static file, which is in its URL."""

import hashlib
from io import BufferedReader, BytesIO


def of(name: str, content: BytesIO | BufferedReader) -> str:
    """The version of a file below the static folder: a digest of its name and content.

    :raises OSError: it cannot be read.
    """
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape") + b"\0")
    hashlib.file_digest(content, lambda: digest)
    return digest.hexdigest()[:16]  # conf/static.conf expects as many
