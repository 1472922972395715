"""``./run doctor``: a table of checks, and what to type where one found a problem."""

import json
import sys
import time
from collections.abc import Sequence

from ..problem import BAD, PLAIN, colours
from .check import Finding
from .checks import findings, problems_of
from .facts import Facts

GOOD, HINT = "\033[32m", "\033[33m"
STYLES = {"ok": GOOD, "note": HINT, "skipped": HINT, "problem": BAD}


def doctor(report: str | None, hello: bool, as_json: bool) -> int:
    """Run every check, or write the report, or serve mod_wsgi's own application.

    :param report: The file to write; None for no report.
    :raises Problem: `hello` did not answer.
    """
    if hello:
        from .hello import show

        return show()
    started = time.monotonic()
    found = list(findings(Facts()))
    wrong = problems_of(found)
    if report is not None:
        from .report import write

        print(f"The report is in {write(report, found)}; secrets in it are masked.")
    elif as_json:
        checks = [finding.as_dict() for finding in found]
        print(json.dumps({"ok": not wrong, "checks": checks}, indent=2))
    else:
        print(table(found, colours(sys.stdout)))
        for problem in wrong:
            print(f"\n{problem.told(colours(sys.stdout))}")
        print(f"\n{summary(found)}, in {time.monotonic() - started:.1f} s")
    return 1 if wrong else 0


def table(found: Sequence[Finding], coloured: bool = False) -> str:
    """A line for each check: its name, its state and the value it saw."""
    lines = []
    for finding in found:
        style, end = (STYLES[finding.state], PLAIN) if coloured else ("", "")
        lines.append(f"{finding.check:<16}{style}{finding.state:<9}{end}{finding.value}")
    return "\n".join(lines)


def summary(found: Sequence[Finding]) -> str:
    """How many of which state."""
    wrong = len(problems_of(list(found)))
    text = f"{len(found)} checks, {wrong} problem{'s' * (wrong != 1)}"
    skipped = sum(finding.state == "skipped" for finding in found)
    return f"{text}, {skipped} not possible" if skipped else text
