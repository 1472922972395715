"""Moments and durations as people read them."""

from datetime import datetime


def clock(moment: float | None) -> str:
    """``11-26 01:31:34`` in local time, of seconds since 1970; ``?`` where it is unknown."""
    try:
        return datetime.fromtimestamp(moment or 0).strftime("%m-%d %H:%M:%S") if moment else "?"
    except (OSError, OverflowError, ValueError):  # no date that a calendar has
        return "?"


def duration(seconds: float) -> str:
    """``3 d 4 h``, ``5 min 12 s``, ``12 s``: at most two units."""
    whole = max(0, round(seconds))
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    place = next((place for place, (size, _) in enumerate(units) if whole >= size), 3)
    parts: list[str] = []
    for size, unit in units[place : place + 2]:
        count, whole = divmod(whole, size)
        parts += [f"{count} {unit}"] if count or not parts else []
    return " ".join(parts)
