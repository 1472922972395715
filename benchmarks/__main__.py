"""``make bench``: measure the contenders against each other and print the tables."""

import argparse
import datetime
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import contenders, limit, measure, modes, project, report, slow_clients, verbs, workloads

RESULTS = Path(__file__).resolve().parent / "results"
DOCS = Path(__file__).resolve().parents[1] / "docs"
LOAD = {"wrk": "wrk", "h2load": "nghttp2-client"}  # the programs, and Debian's packages

# By workload and contender, the figures of each round.
Results = dict[str, dict[str, list[measure.Figures]]]


def main() -> int:
    """Run the benchmarks; 0, or 1 where something needed is not installed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [contender.name for contender in contenders.CONTENDERS]
    parser.add_argument("contender", nargs="*", help=f"all, or some of: {', '.join(names)}")
    parser.add_argument("--workload", action="append", help="one of them; may be repeated")
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement; 4 by default")
    parser.add_argument("--rounds", type=int, default=3, help="of all contenders; 3 by default")
    parser.add_argument("--publish", action="store_true", help="write the results into docs/")
    options = parser.parse_args()
    if missing := [package for name, package in LOAD.items() if not shutil.which(name)]:
        print(f"missing; on Debian: apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    wanted = [one for one in contenders.CONTENDERS if one.name in (options.contender or names)]
    unknown = set(options.contender) - set(names)
    if unknown:
        parser.error(
            f"there is no contender {', '.join(sorted(unknown))}; choose from {', '.join(names)}"
        )
    chosen = [
        one for one in workloads.WORKLOADS if not options.workload or one.name in options.workload
    ]
    with tempfile.TemporaryDirectory(prefix="fmw-bench-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        text, plot = run(Path(folder), wanted, chosen, options.seconds, options.rounds)
    print(text)
    place = DOCS if options.publish else RESULTS
    place.mkdir(exist_ok=True)
    (place / "benchmarks.md").write_text(text, "utf-8")
    (place / "benchmarks.svg").write_text(plot, "utf-8")
    return 0


def run(
    folder: Path,
    wanted: list[contenders.Contender],
    chosen: list[workloads.Workload],
    seconds: float,
    rounds: int,
) -> tuple[str, str]:
    """Measure every workload with every contender, one after the other within each round.

    :return: The tables in Markdown, and the plot.
    """
    served = project.generate(folder)
    tools = project.install_tools(served, folder / "tools")
    certificate = project.make_certificate(folder)
    verb_times = verbs.table(served, contenders.free_port(), rounds)
    costs = modes.table(served, contenders.free_port(), rounds)
    results: Results = {}
    slow: dict[str, list[report.Beside]] = {}
    present = list(installed(wanted))
    for number in range(rounds):
        print(f"round {number + 1}", file=sys.stderr, flush=True)
        if workloads.PAGE in chosen:
            python = served / ".venv/bin/python"
            figures = limit.measure(python, served, workloads.PAGE.path, seconds)
            results.setdefault(workloads.PAGE.name, {}).setdefault(limit.NAME, []).append(figures)
        for variant in workloads.VARIANTS:
            asked = [one for one in variant.workloads if one in chosen]
            for contender in present:
                if not asked or (variant.name and not contender.varies):
                    continue
                place = contenders.Place(
                    served,
                    tools,
                    folder / "run",
                    contenders.free_port(),
                    variant.processes,
                    variant.threads,
                    certificate if variant.is_encrypted else None,
                )
                with contenders.serving(contender, place) as address:
                    for name, figures in measured(
                        contender, asked, address, seconds, str(folder), variant
                    ):
                        results.setdefault(name, {}).setdefault(contender.name, []).append(figures)
                    if not variant.name and not contender.is_static:
                        slow.setdefault(contender.name, []).append(with_slow_clients(address))
    rates = {name: report.summary(found).rate for name, found in results.get("page", {}).items()}
    plot = report.plot(rates, "Welcome page, 32 connections, requests per second")
    how = f"{rounds} rounds, in which each server is measured for {seconds:g} seconds"
    beside = {name: report.beside(found) for name, found in slow.items()}
    return written(results, beside, costs, verb_times, how), plot


def installed(wanted: list[contenders.Contender]) -> Iterator[contenders.Contender]:
    """Those whose programs are there; says what the others need."""
    for contender in wanted:
        if missing := contender.missing():
            print(f"skipped {contender.name}: install {' '.join(missing)}", file=sys.stderr)
        else:
            yield contender


def measured(
    contender: contenders.Contender,
    asked: Iterable[workloads.Workload],
    address: str,
    seconds: float,
    marker: str,
    variant: workloads.Variant,
) -> Iterator[tuple[str, measure.Figures]]:
    """The name and the figures of each workload that the contender can answer."""
    possible = [one for one in asked if one.is_static or not contender.is_static]
    for workload in possible[:1]:
        measure.under_load(address + workload.path, 8, 1, marker)  # warm up
    for workload in possible:
        yield (
            f"{workload.name}, {variant.name}".removesuffix(", "),
            measure.under_load(
                address + workload.path,
                workload.connections,
                seconds,
                marker,
                workload.script,
                variant.protocol,
            ),
        )


def with_slow_clients(address: str) -> report.Beside:
    """How long normal requests take beside 200 slow clients of each kind."""
    found = {}
    for name, client in slow_clients.CLIENTS.items():
        times = slow_clients.latencies(address, client, 200, 5)
        found[name] = times[len(times) // 2], times[int(len(times) * 0.99)]
    return found


def written(
    results: Results,
    slow: dict[str, dict[str, str]],
    costs: str,
    verb_times: str,
    rounds: str,
) -> str:
    """The report in Markdown."""
    plain = {one.name: results[one.name] for one in workloads.WORKLOADS if one.name in results}
    kinds = list(slow_clients.CLIENTS)
    rows = [f"| server | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    rows += [
        f"| {name} | {' | '.join(row[kind] for kind in kinds)} |" for name, row in slow.items()
    ]
    parts = (
        "# Benchmarks",
        f"`make bench`, {datetime.date.today().isoformat()}: {os.cpu_count()} cores, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}; {rounds}. Each figure is the median of the rounds; errors are"
        f" their sum. The ratio to {contenders.REFERENCE} is computed in each round, and the table has the median of"
        ' these ratios, so it may differ from the quotient of two medians. "as generated" is daemon mode.'
        " [performance.md](performance.md) says what the figures mean.",
        "![Requests per second of the welcome page](benchmarks.svg)",
        "## In short: requests per second of the welcome page, with nginx + gunicorn as 1",
        report.short(plain, slow, contenders.REFERENCE) if contenders.REFERENCE in slow else "",
        report.table(results, contenders.REFERENCE).rstrip(),
        "## Normal requests beside 200 slow clients, median / p99 in milliseconds",
        "\n".join(rows),
        "## What a reload and the death of a process cost other requests",
        f"{modes.CLIENTS} clients ask for the welcome page meanwhile, over kept connections, and as many connections"
        f" are idle. The import of the application takes {modes.IMPORT} s longer than usual.",
        costs,
        "## The verbs of `./run`",
        verb_times,
    )
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
