"""Shows how far a build is: a bar on a terminal, a line per phase elsewhere."""

import re
import sys
import time
from typing import TextIO

# The share of a build each phase takes, from timed builds on two cores.
PHASES = {"apr": 0.17, "apr-util": 0.08, "pcre2": 0.15, "httpd": 0.52, "mod_wsgi": 0.08}
_COLLECTING = re.compile(r"^\s*Collecting mod_wsgi(-standalone)?==")
_UNPACKING = re.compile(r"^\s*(apr-util|apr|pcre2|httpd)-\d[\d.]*/")
WIDTH = 24


def phase_of(line: str) -> str | None:
    """The phase that begins with this line of build output, if one does."""
    match = _UNPACKING.match(line)
    if match:
        return match[1]
    return "mod_wsgi" if _COLLECTING.match(line) else None


def clock(seconds: float) -> str:
    """Seconds as people read them: ``48 s``, ``3 min 12 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Progress:
    """Follows the output of a build, one `feed` a line."""

    def __init__(self, phases: list[str], stream: TextIO = sys.stdout) -> None:
        self.phases = phases
        self.stream = stream
        self.terminal = stream.isatty()
        self.started = time.monotonic()
        self.current: str | None = None

    def feed(self, line: str = "") -> None:
        """Take a line of output, or none to let the clock go on."""
        phase = phase_of(line)
        if phase in self.phases and phase != self.current:
            self.current = phase
            if not self.terminal:
                self._write(f"  {phase:<9} after {self._elapsed()}\n")
        if self.terminal:
            self._write(f"\r{self._bar()}\033[K")

    def close(self) -> None:
        """End the line the bar stands on."""
        if self.terminal:
            self._write("\r\033[K")

    def _bar(self) -> str:
        names = list(PHASES)
        begun = names[: names.index(self.current)] if self.current else []
        done = sum(PHASES[name] for name in begun if name in self.phases)
        total = sum(PHASES[name] for name in self.phases)
        filled = round(WIDTH * done / total)
        place = f"{self.current or 'starting':<9}"
        return f"  [{'#' * filled}{'.' * (WIDTH - filled)}] {place} {self._elapsed()}"

    def _elapsed(self) -> str:
        return clock(time.monotonic() - self.started)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
