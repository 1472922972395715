"""Why pip or uv failed, according to their output."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from .. import problems
from ..machine import files
from ..problems.problem import Problem

BUILD_MB = 400  # for a virtual environment, and the bundled Apache's sources beside it
# Seen with pip 23 to 26 and uv 0.13; the second pattern of each pair is uv's.
_UNREACHABLE = re.compile(
    "Temporary failure in name resolution|Name or service not known|NameResolutionError"
    "|Failed to establish a new connection|Network is unreachable|ConnectTimeoutError"
    "|didn't respond within|confirming the ssl certificate|Tunnel connection failed"
    "|is not a trusted or secure host|dns error|error sending request|Read timed out|timed out$"
    "|Connection aborted|Connection reset by peer|network timeout|HTTP error 5\\d\\d|HTTP status server error",
    re.MULTILINE,
)
_NO_LOGIN = re.compile(
    r"^User for (\S+):|401 Error, Credentials not correct for (\S+)"
    r"|An index URL \((\S+)\) could not be queried due to a lack of valid authentication",
    re.MULTILINE,
)
_CONFLICT = re.compile(r"The conflict is caused by:\n((?:.+\n)+)")
_UNSOLVED = re.compile(r"No solution found when resolving.*?\n(.*)", re.DOTALL)
_UNHASHED = re.compile(
    r"Hashes are required in --require-hashes mode.*?\n(.*)|none were provided for: (.*)"
    r"|^ERROR: The editable requirement ([^\n]*) cannot be installed when requiring hashes"
    r"|Can't verify hashes for these.*?\n(.*)"
    r"|In `?--require-hashes`? mode, (all requirements must have.*)",
    re.DOTALL | re.MULTILINE,
)
_MISMATCH = re.compile(r"DO NOT MATCH THE HASHES.*?\n\s*(\S+)|Hash mismatch for `([^`]+)`")
_UNKNOWN = re.compile(
    r"No matching distribution found for (\S+)"
    r"|Because (\S+) was not found in|Because there is no version of (\S+)"
)
# Of all packages that pip has asked for.
_FOR_OTHER_PYTHON = re.compile(r"[:;] (\S+) Requires-Python ([^;\n]+)")
_UNBUILT = re.compile(
    r"Failed building (?:wheel|editable) for (\S+)|Could not build wheels for (\S+?),"
    r"|Failed to build '([^']+)' when (?:getting|preparing)"
)
_UNPREPARED = (
    "Getting requirements to build wheel did not run successfully",
    "metadata-generation-failed",
)
_BEGUN = re.compile(r"^ *(?:Collecting|Processing) (\S+)", re.MULTILINE)
# Perhaps because what it is built with could not be installed.
_BUILD_FAILED = re.compile(r"Failed to build (?:`([^`]+)`|'?([\w.-]+))")
_ERROR = re.compile(
    r"\b(?:error|\w*Error|\w*Exception): (?!Failed|subprocess-exited-|metadata-generation-)"
)


def reason(doing: str, output: str, log: Path, python: Path | None = None) -> Problem:
    """The problem behind a command that failed.

    :param doing: What it was for, as the beginning of a sentence: ``Installing Flask``.
    :param output: What it printed; the end of it is enough.
    :param log: Where all of it is kept.
    :param python: That of the environment, if pip was to install into one.
    """
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return problems.disk_full(log.parent, f"{doing} failed", BUILD_MB)
    if found := _first(_UNHASHED, output):
        return problems.hashes_missing(doing, found)
    if found := _first(_MISMATCH, output):
        return problems.hash_mismatch(doing, found)
    if found := _first(_CONFLICT, output):
        return problems.requirements_conflict(found)
    if found := _first(_UNBUILT, output) or _unprepared(output):
        return problems.package_unbuildable(found, _errors(output) or _tail(output), log)
    # These may be warnings about one index of several, so the failures above come first.
    if found := _first(_NO_LOGIN, output):
        host = urlsplit(found if "://" in found else f"//{found}").hostname or found
        return problems.index_login_refused(doing, host)
    if unreachable := _UNREACHABLE.search(output):
        line = output[: unreachable.end()].count("\n")
        return problems.network_unreachable(doing, output.split("\n")[line].strip())
    if found := _first(_UNKNOWN, output):
        package, ignored = found.rstrip(";"), dict(_FOR_OTHER_PYTHON.findall(output))
        if (needed := ignored.get(package.partition("==")[2])) and (version := _version(python)):
            return problems.package_unknown(package, doing, needed, version)
        return problems.package_unknown(package, doing)
    if found := _first(_UNSOLVED, output):
        return problems.requirements_conflict(found)
    if found := _first(_BUILD_FAILED, output):
        return problems.package_unbuildable(found, _errors(output) or _tail(output), log)
    return problems.install_failed(doing, _tail(output), log)


def _version(python: Path | None) -> str:
    """That of an environment's Python, as ``venv`` has recorded it; empty if it has not."""
    settings = files.text_if_any(python.parents[1] / "pyvenv.cfg") if python else ""
    found = re.search(r"^version *= *(\S+)", settings, re.MULTILINE)
    return found[1] if found else ""


def _unprepared(output: str) -> str:
    """The package that pip 23 could not prepare: it names that only where it begins with it."""
    failed = max(map(output.rfind, _UNPREPARED))
    begun = _BEGUN.findall(output, 0, max(failed, 0))
    return begun[-1] if begun else ""


def _first(pattern: re.Pattern[str], output: str) -> str:
    """The text of the first group that matched, without what pip and uv add around it."""
    match = pattern.search(output)
    found = next((group for group in match.groups() if group), "") if match else ""
    lines = (line.strip().removeprefix("cause: ") for line in found.splitlines())
    return "\n".join(line for line in lines if line)


def _errors(output: str) -> str:
    """The lines of a compiler or build tool that name an error, not pip's and uv's own."""
    lines = (line.strip() for line in output.splitlines())
    return "\n".join([line for line in lines if _ERROR.search(line)][:3])


def _tail(output: str) -> str:
    return "\n".join(line.strip() for line in output.strip().splitlines()[-6:])
