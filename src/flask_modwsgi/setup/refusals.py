"""Why pip or uv failed, according to their output."""

import re
from pathlib import Path

from .. import problems
from ..problems import systems
from ..problems.problem import Problem

# Seen with pip 23 to 26 and uv 0.13; the second pattern of each pair is uv's.
_CONFLICT = re.compile(
    r"The conflict is caused by:\n(.*?)\n\n|No solution found when resolving.*?\n(.*)", re.DOTALL
)
_UNHASHED = re.compile(
    r"Hashes are required in --require-hashes mode.*?\n(.*)|none were provided for: (.*)"
    r"|(?:editable requirement )(.*?) cannot be installed when requiring hashes"
    r"|Can't verify hashes for these.*?\n(.*)"
    r"|In (?:`--require-hashes`|--require-hashes) mode, (all requirements must have.*)",
    re.DOTALL,
)
_MISMATCH = re.compile(r"DO NOT MATCH THE HASHES.*?\n\s*(\S+)|Hash mismatch for `([^`]+)`")
_UNKNOWN = re.compile(
    r"No matching distribution found for (\S+)"
    r"|Because (\S+) was not found in|Because there is no version of (\S+)"
)
_UNBUILT = re.compile(
    r"Failed building (?:wheel|editable) for (\S+)|Failed to build `([^`]+)`"
    r"|Could not build wheels for (\S+?),|Failed to build '?([\w.-]+)"
)


def reason(doing: str, output: str, log: Path) -> Problem:
    """The problem behind a command that failed.

    :param doing: What it was for, as the beginning of a sentence: ``Installing Flask``.
    :param output: What it printed; the end of it is enough.
    :param log: Where all of it is kept.
    """
    if any(sign in output for sign in systems.NETWORK_ERRORS):
        return problems.network_unreachable(doing, _tail(output))
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return problems.disk_full(log.parent, f"{doing} failed")
    if found := _first(_UNHASHED, output):
        return problems.hashes_missing(doing, found)
    if found := _first(_MISMATCH, output):
        return problems.hash_mismatch(found)
    if found := _first(_UNKNOWN, output):
        return problems.package_unknown(found)
    if found := _first(_CONFLICT, output):
        return problems.requirements_conflict(found)
    if found := _first(_UNBUILT, output):
        return problems.package_unbuildable(found, _errors(output) or _tail(output), log)
    return problems.install_failed(doing, _tail(output), log)


def _first(pattern: re.Pattern[str], output: str) -> str:
    """The text of the first group that matched, without what pip and uv add around it."""
    match = pattern.search(output)
    found = next((group for group in match.groups() if group), "") if match else ""
    lines = (line.strip().removeprefix("cause: ") for line in found.splitlines())
    return "\n".join(line for line in lines if line)


def _errors(output: str) -> str:
    """The lines of a compiler or build tool that name an error."""
    lines = (line.strip() for line in output.splitlines())
    return "\n".join([line for line in lines if re.search(r"\berror: (?!Failed)", line)][:3])


def _tail(output: str) -> str:
    return "\n".join(line.strip() for line in output.strip().splitlines()[-6:])
