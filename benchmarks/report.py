"""The table and the plot of a run. Pure."""

from collections.abc import Mapping, Sequence
from html import escape
from statistics import median

from .measure import Figures

# By workload and contender, the figures of each round.
Results = Mapping[str, Mapping[str, Sequence[Figures]]]
# By kind of slow clients, the median and p99 of normal requests, in milliseconds.
Beside = Mapping[str, tuple[float, float]]


def summary(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure; of errors the sum."""
    return Figures(
        rate=median(one.rate for one in rounds),
        p99=median(one.p99 for one in rounds),
        errors=sum(one.errors for one in rounds),
        cpu=median(one.cpu for one in rounds),
        memory=median(one.memory for one in rounds),
    )


def ratio(rounds: Sequence[Figures], reference: Sequence[Figures]) -> float:
    """The median of the ratios within each round."""
    pairs = zip(rounds, reference, strict=True)
    return median(one.rate / other.rate for one, other in pairs if other.rate)


def beside(rounds: Sequence[Beside]) -> dict[str, str]:
    """The medians of all rounds, for each kind of slow clients: median / p99 in milliseconds."""
    told = {}
    for kind in rounds[0]:
        middles, ends = zip(*(one[kind] for one in rounds), strict=True)
        told[kind] = f"{median(middles):.1f} / {median(ends):.1f}"
    return told


def short(results: Results, slow: Mapping[str, Mapping[str, str]], reference: str) -> str:
    """The table of the README: rates of the page against the reference, and slow clients."""
    pages = {name: found for name, found in results.items() if name.startswith("page")}
    titles = [name.removeprefix("page").strip(", ") or "32 connections" for name in pages]
    rows = [
        f"| server | {' | '.join(titles)} | beside 200 slow uploads (ms) |",
        "|---" * (len(titles) + 2) + "|",
    ]
    for name in slow:
        rates = [f"{ratio(found[name], found[reference]):.2f}" for found in pages.values()]
        beside = slow[name].get("uploads", "").partition(" / ")[0]
        rows.append(f"| {name} | {' | '.join(rates)} | {beside} |")
    return "\n".join(rows)


def table(results: Results, reference: str) -> str:
    """A table in Markdown for each workload, ordered by rate."""
    parts = []
    for workload, contenders in results.items():
        rows = [
            f"## {workload}",
            "",
            "| server | requests/s | ratio | p99 (ms) | errors | CPU (us/request) | memory (MB) |",
            "|---|---|---|---|---|---|---|",
        ]
        medians = {name: summary(rounds) for name, rounds in contenders.items()}
        for name in sorted(medians, key=lambda name: -medians[name].rate):
            found, other = medians[name], contenders.get(reference)
            compared = f"{ratio(contenders[name], other):.2f}" if other else ""
            rows.append(
                f"| {name} | {found.rate:,.0f} | {compared} | {found.p99:.1f} | {found.errors} |"
                f" {found.cpu:.0f} | {found.memory:.0f} |"
            )
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"


def plot(rates: Mapping[str, float], title: str) -> str:
    """A bar for each contender, as SVG; colours follow the reader's light or dark theme."""
    width, bar, left = 640, 26, 270
    most = max(rates.values(), default=1) or 1
    rows = []
    for number, (name, rate) in enumerate(sorted(rates.items(), key=lambda pair: -pair[1])):
        y, length = 40 + number * bar, (width - left - 80) * rate / most
        rows.append(
            f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{left}" y="{y}" width="{length:.0f}" height="{bar - 8}" rx="2"/>'
            f'<text x="{left + length + 6:.0f}" y="{y + 14}">{rate:,.0f}</text>'
        )
    height = 48 + len(rows) * bar
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' role="img" aria-label="{escape(title)}">\n'
        "<style>text{font:12px system-ui,sans-serif;fill:#333}rect{fill:#3b7ea1}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}rect{fill:#6fb1d6}}</style>\n"
        f'<text x="8" y="20" style="font-weight:bold">{escape(title)}</text>\n'
        + "\n".join(rows)
        + "\n</svg>\n"
    )
