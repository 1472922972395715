"""The version of a static file, which stands in its address."""

import hashlib
from io import BufferedReader, BytesIO


def of(name: str, content: BytesIO | BufferedReader) -> str:
    """What stands for a name below the static folder and the content there.

    :raises OSError: it cannot be read.
    """
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape") + b"\0")
    hashlib.file_digest(content, lambda: digest)
    return digest.hexdigest()[:16]  # conf/static.conf expects as many
