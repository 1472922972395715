"""``./run doctor``: a table of checks, and what to type where one found a problem."""

import json
import sys
import time

from ..config.project import Project
from ..doctor.checklist import findings
from ..doctor.facts import Facts
from ..doctor.finding import problems_of, summary, table
from ..problems.problem import colours


def examine(project: Project, report: str | None, hello: bool, as_json: bool) -> int:
    """Run every check, or write the report, or serve mod_wsgi's own application.

    :param report: The file to write; None for no report.
    :raises Problem: `hello` did not answer.
    """
    if hello:
        from ..server import smoke_test

        return smoke_test.hello(project)
    started = time.monotonic()
    found = list(findings(Facts(project)))
    wrong = problems_of(found)
    if report is not None:
        from ..doctor.report import write
        from ..server import smoke_test

        path = write(project, report, found, lambda: smoke_test.configuration(project))
        told = f"The report is in {path}; secrets in it are masked."
        print(json.dumps({"ok": not wrong, "report": str(path)}) if as_json else told)
    elif as_json:
        checks = [finding.as_dict() for finding in found]
        print(json.dumps({"ok": not wrong, "checks": checks}, indent=2))
    else:
        print(table(found, colours(sys.stdout)))
        for problem in wrong:
            print(f"\n{problem.told(colours(sys.stdout))}")
        print(f"\n{summary(found)}, in {time.monotonic() - started:.1f} s")
    return 1 if wrong else 0
