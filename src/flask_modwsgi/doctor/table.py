"""How findings are shown to people."""

from collections.abc import Sequence

from ..problems.problem import BAD, PLAIN
from .finding import Finding

GOOD, HINT = "\033[32m", "\033[33m"
STYLES = {"ok": GOOD, "note": HINT, "skipped": HINT, "problem": BAD}


def table(found: Sequence[Finding], coloured: bool = False) -> str:
    """A line for each check: its name, its state and the value it saw."""
    lines = []
    for finding in found:
        style, end = (STYLES[finding.state], PLAIN) if coloured else ("", "")
        lines.append(f"{finding.check:<16}{style}{finding.state:<9}{end}{finding.value}")
    return "\n".join(lines)


def summary(found: Sequence[Finding]) -> str:
    """How many of which state."""
    wrong = sum(finding.problem is not None for finding in found)
    text = f"{len(found)} checks, {wrong} problem{'s' * (wrong != 1)}"
    skipped = sum(finding.state == "skipped" for finding in found)
    return f"{text}, {skipped} not possible" if skipped else text
