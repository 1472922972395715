"""One check, what it found, and how a list of them is run and shown."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .. import problems
from ..problems.problem import Problem
from ..terminal import GREEN, STRONG_RED, YELLOW, printable, styled, wrapped
from .facts import Facts

State = Literal["ok", "note", "problem", "skipped"]
STYLES = {"ok": GREEN, "note": YELLOW, "skipped": YELLOW, "problem": STRONG_RED}


class Note(str):
    """A value that is worth knowing, but not a problem."""


@dataclass(frozen=True)
class Check:
    """A name and a function that returns the value it saw, or None where it does not apply.

    `before` names the verbs that run it first.
    """

    name: str
    look: Callable[[Facts], str | None]
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A line of the table."""

    check: str
    state: State
    value: str
    problem: Problem | None = None

    def as_dict(self) -> dict[str, object]:
        told = self.problem.as_dict() if self.problem else None
        return {"check": self.check, "state": self.state, "value": self.value, "problem": told}


def run(checks: Iterable[Check], facts: Facts) -> Iterator[Finding]:
    """What each check found. No check ends in a traceback, and no problem is shown twice."""
    told: dict[tuple[str, str], str] = {}
    for check in checks:
        try:
            value = check.look(facts)
        except Problem as problem:
            first = told.setdefault((problem.slug, problem.what), check.name)
            if first != check.name:
                yield Finding(check.name, "skipped", f"because of {first}")
            else:
                yield Finding(check.name, "problem", problem.slug, problem)
        except ModuleNotFoundError as error:
            yield Finding(check.name, "skipped", f"needs {error.name}, which setup installs")
        except PermissionError as error:
            yield Finding(check.name, "skipped", f"you may not read {error.filename}")
        except Exception as error:
            failed = problems.check_failed(check.name, described(error))
            yield Finding(check.name, "problem", failed.slug, failed)
        else:
            if value is not None:
                yield Finding(check.name, "note" if isinstance(value, Note) else "ok", value)


def described(error: BaseException) -> str:
    """An exception in one line, with the place it comes from."""
    said = traceback.format_exception_only(error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    return f"{said} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else said


def problems_of(found: Iterable[Finding]) -> list[Problem]:
    """Those among the findings."""
    return [finding.problem for finding in found if finding.problem]


def table(found: Sequence[Finding], coloured: bool = False) -> str:
    """For each check its name, its state and the value it saw, in lines of 80 characters."""
    lines = []
    for finding in found:
        state = styled(f"{finding.state:<9}", STYLES[finding.state] if coloured else "")
        value = wrapped(printable(finding.value), " " * 25, " " * 25).lstrip(" ")
        lines.append(f"{finding.check:<16}{state}{value}")
    return "\n".join(lines)


def summary(found: Sequence[Finding]) -> str:
    """How many of which state."""
    wrong = len(problems_of(found))
    text = f"{len(found)} checks, {wrong} problem{'s' * (wrong != 1)}"
    skipped = sum(finding.state == "skipped" for finding in found)
    return f"{text}, {skipped} not possible" if skipped else text
