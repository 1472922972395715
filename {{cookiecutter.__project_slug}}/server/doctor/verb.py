"""``./run doctor``: a table of checks, and what to type where one found a problem."""

import json
import sys
import time

from ..problem import colours
from .checks import findings, problems_of
from .facts import Facts
from .table import summary, table


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
