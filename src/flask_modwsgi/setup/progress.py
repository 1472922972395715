"""Shows how far a build is: a bar on a terminal, a line per phase elsewhere."""

import re
import sys
import time
from typing import TextIO

from ..machine.times import duration

# The share of a build's time each phase takes, and the lines it prints, as counted once.
PHASES = {
    "apr": (0.17, 1200),
    "apr-util": (0.08, 470),
    "pcre2": (0.15, 800),
    "httpd": (0.52, 7900),
    "mod_wsgi": (0.08, 100),
}
_COLLECTING = re.compile(r"^\s*Collecting mod_wsgi(-standalone)?==")
_UNPACKING = re.compile(r"^\s*(apr-util|apr|pcre2|httpd)-\d[\d.]*/")
WIDTH = 24


def phase_of(line: str) -> str | None:
    """The phase that begins with this line of build output, if one does."""
    match = _UNPACKING.match(line)
    if match:
        return match[1]
    return "mod_wsgi" if _COLLECTING.match(line) else None


class Progress:
    """Follows the output of a build, one `feed` a line."""

    def __init__(self, phases: list[str], stream: TextIO = sys.stdout) -> None:
        self.phases = phases
        self.stream = stream
        self.terminal = stream.isatty()
        self.started = time.monotonic()
        self.current: str | None = None
        self.lines = 0

    def feed(self, line: str) -> None:
        """Take a line of output."""
        self.lines += 1
        phase = phase_of(line)
        if phase in self.phases and phase != self.current:
            self.current = phase
            self.lines = 0
            if not self.terminal:
                self._write(f"  {phase:<9} after {self._elapsed()}\n")
        if self.terminal:
            self._write(f"\r{self._bar()}\033[K")

    def close(self) -> None:
        """End the line the bar stands on."""
        if self.terminal:
            self._write("\r\033[K")

    def _bar(self) -> str:
        done = 0.0
        if self.current:
            ended = self.phases[: self.phases.index(self.current)]
            share, lines = PHASES[self.current]
            done = sum(PHASES[name][0] for name in ended) + share * min(1, self.lines / lines)
        filled = round(WIDTH * done / sum(PHASES[name][0] for name in self.phases))
        place = f"{self.current or 'starting':<9}"
        return f"  [{'#' * filled}{'.' * (WIDTH - filled)}] {place} {self._elapsed()}"

    def _elapsed(self) -> str:
        return duration(time.monotonic() - self.started)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
