"""``./run config``: every setting, where it comes from, and what follows from it."""

from collections.abc import Mapping

from ..apache import monitoring
from ..apache.arguments import INTERRUPT
from ..config import proxies, settings
from ..config.project import Project
from ..config.settings import source
from ..doctor.redaction import masked
from ..machine import capacity


def show(project: Project) -> int:
    """Print it; secrets are masked.

    :raises Problem: a setting is not possible.
    """
    written = settings.written(project.env_file)
    settings.refuse_misspelt(written)
    variables = settings.variables(project.env_file)
    chosen = settings.load(variables)
    own = {
        name: value for name, value in variables.items() if is_for_the_application(name, written)
    }
    rows = [
        (
            name,
            "" if (value := getattr(chosen, name.lower())) is None else str(value),
            source(name, written),
        )
        for name in settings.NAMES
    ]
    rows += [
        (name, masked(name, value), source(name, written)) for name, value in sorted(own.items())
    ]
    for name, value, origin in rows:
        print(f"{name:<24} {value:<32} {origin}")
    print()
    for line in consequences(chosen):
        print(line)
    return 0


def is_for_the_application(name: str, written: Mapping[str, str]) -> bool:
    """Whether the application reads it: what ``.env`` has beside settings, and Flask's own."""
    return name not in settings.NAMES and (name.startswith("FLASK_") or name in written)


def consequences(chosen: settings.Settings) -> list[str]:
    """What the numbers mean, in sentences."""
    at_once = chosen.processes * chosen.threads
    limit = capacity.effective_limit(chosen.request_limit, chosen.threads)
    return [
        f"{chosen.processes} processes x {chosen.threads} threads: {at_once} requests at once"
        f" ({capacity.cores()} cores here); more wait in line.",
        f"A stuck request gets its 504 after about {limit:.0f} s; if its code cannot be"
        f" interrupted, its process is replaced {INTERRUPT} s later.",
        f"Requests under way have {chosen.stop_limit} s to finish at a stop or a reload.",
        f"Uploads may have up to {chosen.max_upload_mb} MB; a larger one gets a 413.",
        *proxies.consequences(chosen.trusted_proxies, chosen.hosts),
        *monitoring.addresses(chosen),
    ]
