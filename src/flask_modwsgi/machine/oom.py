"""Processes that the kernel killed because memory ran out: how many, and if known, which."""

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .control_groups import GROUPS, PROC, folders
from .files import text_if_any

_KILLED = re.compile(r"Killed process (\d+) \(.*?\).*?anon-rss:(\d+)kB")
_CLOCKS_DIFFER = 10.0  # seconds; nobody sets the clock of the kernel's messages
_FAULT = re.compile(r"\[(\d+)\]: (?:segfault at|trap|general protection).* in ([\w.+-]+)\[")


def kills(proc: Path = PROC, groups: Path = GROUPS) -> int:
    """How often the kernel has killed for memory in the control group of this process.

    In those around it, or the whole system, where the group has no counter. Only the difference of
    two calls means something; 0 where the kernel does not count.
    https://docs.kernel.org/admin-guide/cgroup-v2.html, memory.events; version 1: memory.oom_control
    """
    counters = [
        group / name
        for group in folders("memory", proc, groups)
        for name in ("memory.events", "memory.oom_control")
    ]
    texts = map(text_if_any, (*counters, proc / "vmstat"))
    found = (re.search(r"^oom_kill (\d+)$", text, re.MULTILINE) for text in texts)
    return next((int(match[1]) for match in found if match), 0)


def kernel_messages(since: float) -> list[str]:
    """What the kernel has said, as far as this user may read it (``dmesg_restrict``).

    :param since: In seconds, as `time.time` counts. An older message can name a process id that
        another process has by now.
    """
    earliest = time.monotonic() - (time.time() - since) - _CLOCKS_DIFFER
    return [text for text, at in map(_parsed, _records()) if at >= earliest]


def _records(device: str = "/dev/kmsg") -> list[str]:
    records: list[str] = []
    with suppress(OSError):
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as log:
            while True:
                with suppress(BrokenPipeError):  # overwritten while read; the next one is there
                    record = log.read(8192)
                    if not record:  # nothing more to read
                        break
                    records.append(record.decode(errors="replace"))
    return records


def _parsed(record: str) -> tuple[str, float]:
    """The text of a record, and when it was written, in seconds since the system was started.

    ``priority,sequence,microseconds,flags;text``, Linux, Documentation/ABI/testing/dev-kmsg
    """
    columns, _, text = record.partition(";")
    return text.splitlines()[0], int(columns.split(",")[2]) / 1e6


def killed_for_memory(messages: Iterable[str]) -> dict[int, int]:
    """By process id, how many bytes a process had when the kernel killed it for memory."""
    found = (_KILLED.search(message) for message in messages)
    return {int(match[1]): int(match[2]) * 1024 for match in found if match}


def faulty_libraries(messages: Iterable[str]) -> dict[int, str]:
    """By process id, in which library a process made a memory fault."""
    found = (_FAULT.search(message) for message in messages)
    return {int(match[1]): match[2] for match in found if match}
