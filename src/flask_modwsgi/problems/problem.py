"""A failure that has a name, and how it is shown: what is wrong, why, its page, and what to type."""

import contextlib
import json
import sys
from dataclasses import dataclass

from .. import systemd
from ..terminal import CYAN, STRONG, STRONG_RED, colours, printable, styled, wrapped

SITE = "https://org.github.io/flask-modwsgi"  # org is the repository's owner, as in README


@dataclass(eq=False)
class Problem(Exception):
    """Something foreseen went wrong; the command line prints it and exits with 1."""

    slug: str
    what: str
    why: str
    remedy: tuple[str, ...]

    def __str__(self) -> str:
        return self.told()

    @property
    def page(self) -> str:
        """The address of its entry on the documentation site."""
        return f"{SITE}/troubleshooting/#{self.slug}"

    def told(self, coloured: bool = False) -> str:
        """Its parts as people read them; the commands are the last."""
        rows = [
            _row("Problem", self.slug, STRONG_RED if coloured else ""),
            _row("What", self.what, STRONG if coloured else ""),
            _row("Why", self.why),
            f"{'More':<9}{self.page}",
        ]
        labels = ("Type", *["or"] * (len(self.remedy) - 1))
        commands = zip(labels, map(printable, self.remedy), strict=True)
        style = CYAN if coloured else ""
        told = (f"{label:<9}{styled(line, style)}" for label, line in commands)
        return "\n".join([*rows, *told])

    def as_dict(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "problem": self.slug,
            "what": self.what,
            "why": self.why,
            "type": self.remedy,
            "page": self.page,
        }

    @classmethod
    def from_json(cls, text: str) -> "Problem":
        """The problem another process told.

        :raises ValueError: `text` is none.
        """
        try:
            found = json.loads(text)
            return cls(found["problem"], found["what"], found["why"], tuple(found["type"]))
        except (TypeError, KeyError) as error:
            raise ValueError(text) from error


def _row(label: str, text: str, style: str = "") -> str:
    """A label and its sentence, wrapped; lines after the first are quoted output, left alone."""
    # Names, paths and quotes are often somebody else's.
    sentence, *quoted = map(printable, text.splitlines())
    label = f"{label:<9}"
    text = wrapped(sentence, label, " " * 9).removeprefix(label)
    return "\n".join([label + styled(text, style), *(f"  | {line}" for line in quoted)])


def tell(problem: Problem, as_json: bool) -> None:
    """Print it to standard error; as JSON it is one line, the last one there."""
    text = f"\n{problem.told(colours(sys.stderr))}\n"
    if as_json:
        text = json.dumps(problem.as_dict()) + "\n"
    elif systemd.is_journal(2):
        text = systemd.prefixed(text, "error")
    with contextlib.suppress(OSError):  # nobody reads it any more: what goes on goes on
        print(text, end="", file=sys.stderr)
