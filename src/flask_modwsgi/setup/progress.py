"""Shows what is done and how far a build is: a bar on a terminal, a line per phase elsewhere."""

import re
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from ..machine.times import duration
from ..printable import printable

PHASES = ("apr", "apr-util", "pcre2", "httpd", "mod_wsgi")  # of the bundled Apache, in order
_COLLECTING = re.compile(r"^\s*Collecting mod_wsgi(-standalone)?==")
_UNPACKING = re.compile(r"^\s*(apr-util|apr|pcre2|httpd)-\d[\d.]*/")


def say(label: str, text: str) -> None:
    """A label and one line or more, in the block that setup or init prints."""
    for number, line in enumerate(text.splitlines()):
        print(f"{label if number == 0 else '':<9}{printable(line)}", flush=True)


def phase_of(line: str) -> str | None:
    """The phase that begins with this line of build output, if one does."""
    match = _UNPACKING.match(line)
    if match:
        return match[1]
    return "mod_wsgi" if _COLLECTING.match(line) else None


class Progress:
    """Follows the output of a build, one `feed` a line. The bar has the same length each phase."""

    def __init__(self, phases: Sequence[str], stream: TextIO = sys.stdout) -> None:
        self.phases = phases
        self.stream = stream
        self.terminal = stream.isatty()
        self.started = time.monotonic()
        self.current: str | None = None

    def feed(self, line: str) -> None:
        """Take a line of output."""
        phase = phase_of(line)
        begins = phase in self.phases and phase != self.current
        self.current = phase if begins else self.current
        elapsed = duration(time.monotonic() - self.started)
        if self.terminal:
            ended = self.phases.index(self.current) if self.current else 0
            bar = ("#" * 4 * ended).ljust(4 * len(self.phases), ".")
            bar = f"[{bar}] {ended + 1} of {len(self.phases)}"
            self._write(f"\r  {bar}: {self.current or 'starting'}, {elapsed}\033[K")
        elif begins:
            self._write(f"  building {phase}, {elapsed} so far\n")

    def close(self) -> None:
        """End the line the bar stands on."""
        if self.terminal:
            self._write("\r\033[K")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
