"""``./run doctor``: a table of checks, and what to type where one found a problem."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from ..config import safety
from ..config.project import Project
from ..doctor import report as reports
from ..doctor.checklist import CHECKS, obstacle
from ..doctor.facts import Facts
from ..doctor.finding import Check, Finding, Note, problems_of, run, summary, table
from ..server import import_check, smoke_test
from ..terminal import colours


def examine(project: Project, report: str | None, hello: bool, as_json: bool) -> int:
    """Run every check, or write the report, or serve mod_wsgi's own application.

    :param report: The file to write; None for no report.
    :raises Problem: `hello` did not answer.
    """
    if hello:
        return smoke_test.hello(project)
    started = time.monotonic()
    found = []
    is_table = report is None and not as_json
    for finding in _findings(Facts(project)):
        found.append(finding)
        if is_table:
            print(table([finding], colours(sys.stdout)), flush=True)
    wrong = problems_of(found)
    if report is not None:
        path = reports.write(project, report, found, lambda: smoke_test.configuration(project))
        told = f"The report is in {path}; secrets in it are masked."
        print(json.dumps({"ok": not wrong, "report": str(path)}) if as_json else told)
    elif as_json:
        checks = [finding.as_dict() for finding in found]
        print(json.dumps({"ok": not wrong, "checks": checks}, indent=2))
    else:
        for problem in wrong:
            print(f"\n{problem.told(colours(sys.stdout))}")
        print(f"\n{summary(found)}, in {time.monotonic() - started:.1f} s")
    return 1 if wrong else 0


def _findings(facts: Facts) -> Iterator[Finding]:
    """What all checks found. The application is loaded meanwhile, which may take long."""
    found = []
    with ExitStack() as stack:
        trial: import_check.Trial | Exception
        try:
            trial = stack.enter_context(import_check.begin(facts))
        except Exception as error:
            trial = error
        for finding in run(CHECKS, facts):
            found.append(finding)
            yield finding
        if wrong := obstacle(found):
            yield Finding("application", "skipped", f"because of {wrong}")
        else:
            yield from run([Check("application", partial(_loaded, trial=trial))], facts)


def _loaded(facts: Facts, trial: import_check.Trial | Exception) -> str:
    """Wait for the outcome of the trial, which is an error where it could not begin."""
    if isinstance(trial, Exception):
        raise trial
    outcome, project = trial.outcome(), facts.project
    profile = import_check.verdict(outcome, project, facts.account, facts.settings)
    safety.refuse_keyless(facts.variables, project.env_file, profile.secret)
    told = f"{facts.account.user} loads it"
    return Note(f"{told}; {profile.limitation}") if profile.limitation else told
