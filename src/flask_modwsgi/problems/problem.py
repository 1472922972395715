"""A failure that has a name, and how it is shown: what is wrong, why, and what to type."""

import json
import os
import sys
import textwrap
from dataclasses import dataclass
from typing import TextIO

from .. import systemd
from ..printable import printable

SITE = "https://org.github.io/flask-modwsgi"  # org is the repository's owner, as in README
WIDTH = 80
BAD, STRONG, COMMAND, PLAIN = "\033[1;31m", "\033[1m", "\033[36m", "\033[0m"


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

    def told(self, colours: bool = False) -> str:
        """The three parts as people read them."""
        rows = [
            _row("Problem", self.slug, BAD if colours else ""),
            _row("What", self.what, STRONG if colours else ""),
            _row("Why", self.why),
        ]
        labels = ("Type", *["or"] * (len(self.remedy) - 1))
        commands = zip(labels, map(printable, self.remedy), strict=True)
        style, end = (COMMAND, PLAIN) if colours else ("", "")
        return "\n".join([*rows, *(f"{label:<9}{style}{line}{end}" for label, line in commands)])

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
    wrapped = textwrap.fill(
        sentence,
        WIDTH,
        initial_indent=f"{label:<9}",
        subsequent_indent=" " * 9,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if style:
        wrapped = f"{label:<9}{style}{wrapped[9:]}{PLAIN}"
    return "\n".join([wrapped, *(f"  | {line}" for line in quoted)])


def colours(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`. https://no-color.org"""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def tell(problem: Problem, as_json: bool) -> None:
    """Print it to standard error; as JSON it is one line, the last one there."""
    if as_json:
        print(json.dumps(problem.as_dict()), file=sys.stderr)
    else:
        text = f"\n{problem.told(colours(sys.stderr))}\n"
        if systemd.is_journal(2):
            text = systemd.prefixed(text, "error")
        print(text, end="", file=sys.stderr)
