"""The bill of materials of this Apache: each component with its version and source."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ..setup.built import Built
from ..setup.commands import printed

# What Apache says that it has loaded: ``Server loaded:  APR 1.7.6, APR-UTIL 1.6.5, PCRE 10.49 ...``.
_LOADED = re.compile(r"(Apache/|APR |APR-UTIL |PCRE )(\d[\w.]*)")
_NAMES = {"Apache/": "httpd", "APR ": "apr", "APR-UTIL ": "apr-util", "PCRE ": "pcre2"}
# The modules that use libraries of the system; of each library, its name and what tells its version.
_MODULES = ("mod_ssl", "mod_http2", "mod_brotli", "mod_deflate", "mod_md")
_LIBRARIES = {
    "ssl": ("openssl", "OpenSSL_version"),
    "nghttp2": ("nghttp2", "nghttp2_version"),
    "brotlienc": ("brotli", "BrotliEncoderVersion"),
    "z": ("zlib", "zlibVersion"),
    "expat": ("expat", "XML_ExpatVersion"),
    "curl": ("curl", "curl_version"),
    "jansson": ("jansson", "jansson_version_str"),
}
# In a process of its own, as a library may do anything when it is loaded.
_ASK = """
import ctypes, json, sys
class Info(ctypes.Structure):
    _fields_ = [("age", ctypes.c_int), ("number", ctypes.c_int), ("text", ctypes.c_char_p)]
kinds = {"nghttp2_version": ctypes.POINTER(Info), "BrotliEncoderVersion": ctypes.c_uint32}
found = {}
for path, name in json.loads(sys.argv[1]).items():
    try:
        function = getattr(ctypes.CDLL(path), name)
    except (OSError, AttributeError):
        continue
    function.restype = kinds.get(name, ctypes.c_char_p)
    told = function(0)
    if isinstance(told, int):
        told = f"{told >> 24}.{told >> 12 & 4095}.{told & 4095}".encode()
    found[path] = (told if isinstance(told, bytes) else told.contents.text).decode()
print(json.dumps(found))
"""


def of(made: Built, python: Path) -> Iterator[str]:
    """What Apache and mod_wsgi consist of: the name of each, the version it says itself, the source.

    :param python: The Python that loads the libraries, to ask them.
    :raises Problem: Apache is gone.
    """
    source = str(made.httpd)
    for name in ("mod-wsgi", "mod-wsgi-standalone", "mod-wsgi-httpd"):
        if version := made.packages.get(name):
            package = f"https://pypi.org/project/{name}/{version}/"
            source = package if name == "mod-wsgi-httpd" else source
            yield _line(name, version, package)
    told = made.apache("-V").stdout.partition("Compiled using")[0]
    loaded = dict(_LOADED.findall(told))
    for mark, version in loaded.items():
        yield _line(_NAMES[mark], version, source)
    libraries = _libraries(made)
    asked = json.dumps({path: _LIBRARIES[name][1] for path, name in libraries.items()})
    for path, told in json.loads(printed(python, "-I", "-c", _ASK, asked, env={}) or "{}").items():
        number = re.search(r"\d[\w.]*", told)
        version = number[0] if number else told
        yield _line(_LIBRARIES[libraries[path]][0], version, path)


def _line(name: str, version: str, source: str) -> str:
    return f"{name:<20} {version:<12} {source}"


def _libraries(made: Built) -> dict[str, str]:
    """The name of each library, without ``lib``, by its path."""
    files = [made.httpd, *(made.modules / f"{name}.so" for name in _MODULES)]
    told = linked(*(file for file in files if file.is_file()))
    return dict(re.findall(rf"(/\S*/lib({'|'.join(_LIBRARIES)})\.\S+)", told))


def linked(*files: Path) -> str:
    """What these files are linked with, as the system says."""
    command = ("otool", "-L") if sys.platform == "darwin" else ("ldd",)
    return printed(*command, *files, errors=True)
