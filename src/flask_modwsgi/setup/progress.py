"""Shows what a setup is doing, and how far it is."""

import contextlib
import re
import sys
import threading
import time
from collections.abc import Sequence
from typing import Self, TextIO

from ..machine.times import duration
from ..terminal import is_terminal, printable

PHASES = ("apr", "apr-util", "pcre2", "httpd", "mod_wsgi")  # of the bundled Apache, in order
BAR = 24  # characters
CLEARED = "\r\033[K"  # back to the beginning of the line, which becomes empty
TOOLS, INSTALLATION, REQUEST = "build tools", "installation", "a request"
_COLLECTING = re.compile(r"^\s*Collecting mod_wsgi(-standalone)?==")
_UNPACKING = re.compile(r"^\s*(apr-util|apr|pcre2|httpd)-\d[\d.]*/")


def say(label: str, text: str) -> None:
    """A label and one line or more, in the block that setup or init prints."""
    cleared = CLEARED if is_terminal(sys.stdout) else ""  # of a line of Progress
    for number, line in enumerate(text.splitlines()):
        print(f"{cleared}{label if number == 0 else '':<9}{printable(line)}", flush=True)


def phase_of(line: str) -> str | None:
    """The phase that begins with this line of build output, or None."""
    match = _UNPACKING.match(line)
    if match:
        return match[1]
    return "mod_wsgi" if _COLLECTING.match(line) else None


class Progress:
    """On a terminal, a line with a bar, the phase and the time since the start; it disappears at the end.

    Elsewhere, a line for each phase of a build.
    """

    def __init__(self, phases: Sequence[str], stream: TextIO = sys.stdout) -> None:
        self.phases = phases
        self.stream = stream
        self.terminal = is_terminal(stream)
        self.started = time.monotonic()
        self.current = phases[0]
        self._ended = threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        if self.terminal:
            self._clock.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        if self.terminal:
            self._clock.join()
            self._write(CLEARED)

    def begin(self, phase: str) -> None:
        """Show that this phase begins, unless it was not announced."""
        if phase not in self.phases:
            return
        self.current = phase
        if self.terminal:
            self._write(self._line())

    def feed(self, line: str) -> None:
        """Take a line of the output of a build, which may begin a phase."""
        phase = phase_of(line)
        if phase is None or phase == self.current or phase not in self.phases:
            return
        self.begin(phase)
        if not self.terminal:
            self._write(f"  building {phase}, {self._elapsed()} so far\n")

    def _tick(self) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone
            while not self._ended.wait(1):
                self._write(self._line())

    def _line(self) -> str:
        ended, number = self.phases.index(self.current), len(self.phases)
        bar = ("#" * (BAR * ended // number)).ljust(BAR, ".")
        return f"{CLEARED}  [{bar}] {ended + 1} of {number}: {self.current}, {self._elapsed()}"

    def _elapsed(self) -> str:
        return duration(time.monotonic() - self.started)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
