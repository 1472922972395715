"""``./run config``: every setting, where it comes from, and what follows from it."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from ..apache import monitoring, processes, state
from ..config import env_file, mistakes, proxies, settings
from ..config.project import Project
from ..doctor.facts import Facts
from ..doctor.redaction import masked
from ..machine import capacity
from ..server import summary
from ..terminal import WIDTH, printable, wrapped

Row = tuple[str, str, str]  # the name, its value with the unit, where it comes from


def show(project: Project) -> int:
    """Print it; secrets are masked.

    :raises Problem: a setting is not possible.
    """
    facts = Facts(project)
    chosen, written = facts.settings, facts.written
    for line in aligned([*of_settings(chosen, written), *of_application(facts.variables, written)]):
        print(printable(line))
    print()
    root = state.root(project)
    held = state.read(root).connections if processes.apache(root) else 0
    told = [env_file.missing(project.env_file), *mistakes.found(project.env_file)]
    for sentence in filter(None, [*consequences(chosen, held), *told]):
        print(wrapped(sentence, others="  "))
    return 0


def of_settings(chosen: settings.Settings, written: Mapping[str, str]) -> Iterator[Row]:
    """A row for each setting; no value is ``-``."""
    for name, declared in settings.SETTINGS.items():
        value = getattr(chosen, name.lower())
        shown = "-" if value in (None, "") else f"{value} {declared.parser.unit}".rstrip()
        yield name, shown, settings.source(name, written)


def of_application(variables: Mapping[str, str], written: Mapping[str, str]) -> Iterator[Row]:
    """A row for what the application reads: what ``.env`` has beside settings, and Flask's own."""
    for name, value in sorted(variables.items()):
        if name not in settings.NAMES and (name.startswith("FLASK_") or name in written):
            shown = masked(name, value).replace("\n", "\\n") or "-"
            yield name, shown, settings.source(name, written)


def aligned(rows: Sequence[Row]) -> list[str]:
    """The rows in columns, within `WIDTH` unless a value has a word that is too long for that."""
    name_width = max(len(name) for name, _, _ in rows)
    room = WIDTH - name_width - max(len(origin) for _, _, origin in rows) - 4
    values = [_wrapped(value, room) for _, value, _ in rows]
    shown = (line for lines in values for line in lines)
    value_width = max((len(line) for line in shown if len(line) <= room), default=0)
    told = []
    for (name, _, origin), (first, *others) in zip(rows, values, strict=True):
        told.append(f"{name:<{name_width}}  {first:<{value_width}}  {origin}")
        told += [f"{'':<{name_width}}  {line}" for line in others]
    return told


def _wrapped(value: str, width: int) -> list[str]:
    if len(value) <= width:
        return [value]
    return textwrap.wrap(value, width, break_long_words=False, break_on_hyphens=False)


def consequences(chosen: settings.Settings, connections: int = 0) -> list[str]:
    """What the numbers mean, in sentences.

    :param connections: Of the server that runs; 0 if none does.
    """
    alone = chosen.processes == 1
    price = "With 1 process, all requests wait while it is stuck, or loads new code at a reload."
    return [
        f"{summary.capacity(chosen, connections)}: {chosen.processes * chosen.threads} requests at once"
        f" ({capacity.cores()} cores here); more wait in line.",
        *[price] * alone,
        f"A stuck request gets its 504 after {chosen.request_limit} s; if its code cannot be"
        f" interrupted, its process is replaced {capacity.STUCK_WAIT} s later.",
        f"Requests under way have {chosen.stop_limit} s to finish at a stop or a reload.",
        f"Uploads may have up to {chosen.max_upload_mb} MB; a larger one gets a 413.",
        *proxies.consequences(chosen.trusted_proxies, chosen.hosts),
        *monitoring.addresses(chosen),
    ]
