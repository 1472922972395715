"""What has changed since Apache was started that only a restart takes; a reload refuses it."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..apache import modes
from ..apache.app_profile import AppProfile
from ..apache.sites import Site
from ..apache.state import State
from ..config import settings
from ..setup import environments
from . import launch


def of(started: State, now: Site) -> list[str]:
    """All that differs between the start and a start now, in words."""
    current = now.project.environment
    first = Path(next(iter(started.environments), current))
    is_read = modes.of(started.setting("mode", "")).reads_configuration
    before, after = started.directives, launch.directives(now)
    is_changed = before and after and before != after and not is_read
    return [
        *changed_settings(started.settings, asdict(now.settings)),
        *_changed_variables(started.linking, launch.read_once(now)),
        *environments.restart_reasons(first, current, is_read),
        *(["the directives of APACHE_INCLUDE"] if is_changed else []),
    ]


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The settings that a reload cannot change, where they differ.

    :param before: Those of the start; an older version had fewer, with what is the default now. Empty if
        they are lost.
    """
    was = {**asdict(settings.load({})), **before} if before else {}
    read_at_start = modes.of(before.get("mode", "")).read_at_start
    return [
        f"{name.upper()} (was {was[name]}, is now {now[name]})"
        for name in now
        if name in was and was[name] != now[name] and name in read_at_start
    ]


def _changed_variables(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"{name} (was {before.get(name, 'unset')}, is now {now.get(name, 'unset')})"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def stale(started: State, now: AppProfile) -> list[str]:
    """What Apache's configuration has of the application that is out of date."""
    if not started.started or started.static_url == now.static_url:
        return []
    was, will_be = (one.static_url or "none" for one in (started, now))
    return [f"the address of the static files (was {was}, is now {will_be})"]
