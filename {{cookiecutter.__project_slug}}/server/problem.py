"""A failure we can name, and how it is told: what is wrong, why, and what to type."""

import textwrap
from collections.abc import Sequence

WIDTH = 80


class Problem(Exception):
    """Something foreseen went wrong; the command line prints it and exits with 1."""

    def __init__(self, slug: str, what: str, why: str, remedy: Sequence[str]) -> None:
        super().__init__(what)
        self.slug = slug
        self.what = what
        self.why = why
        self.remedy = tuple(remedy)

    def __str__(self) -> str:
        rows = [_row("Problem", self.slug), _row("What", self.what), _row("Why", self.why)]
        labels = ("Type", *["or"] * (len(self.remedy) - 1))
        commands = zip(labels, self.remedy, strict=True)
        return "\n".join([*rows, *(f"{label:<9}{command}" for label, command in commands)])


def _row(label: str, text: str) -> str:
    """A label and its sentence, wrapped; lines after the first are quoted output, left alone."""
    sentence, *quoted = text.splitlines()
    wrapped = textwrap.fill(
        sentence,
        WIDTH,
        initial_indent=f"{label:<9}",
        subsequent_indent=" " * 9,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join([wrapped, *(f"  | {line}" for line in quoted)])
