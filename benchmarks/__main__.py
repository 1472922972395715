"""``make bench``: measure the contenders against each other and print the tables."""

import argparse
import datetime
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from . import contenders, measure, project, report, slow_clients, workloads

RESULTS = Path(__file__).resolve().parent / "results"
DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> int:
    """Run the benchmarks; 0, or 1 where something needed is not installed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [contender.name for contender in contenders.CONTENDERS]
    parser.add_argument("contender", nargs="*", help=f"all, or some of: {', '.join(names)}")
    parser.add_argument("--workload", action="append", help="one of them; may be repeated")
    parser.add_argument(
        "--seconds", type=float, default=4, help="of each measurement; 4 by default"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of all contenders; 3 by default")
    parser.add_argument("--publish", action="store_true", help="write the results into docs/")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("wrk is missing; on Debian: apt-get install wrk", file=sys.stderr)
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
    results: dict[str, dict[str, list[measure.Figures]]] = {one.name: {} for one in chosen}
    slow: dict[str, dict[str, str]] = {}
    for number in range(rounds):
        for contender in wanted:
            if missing := contender.missing():
                print(f"skipped {contender.name}: install {' '.join(missing)}", file=sys.stderr)
                continue
            place = contenders.Place(served, tools, folder / "run", contenders.free_port())
            with contenders.serving(contender, place) as address:
                print(f"round {number + 1}: {contender.name}", file=sys.stderr, flush=True)
                measure.under_load(f"{address}/", 8, 1, str(folder))  # warm up
                for workload in chosen:
                    url = address + workload.path
                    figures = measure.under_load(
                        url, workload.connections, seconds, str(folder), workload.script
                    )
                    results[workload.name].setdefault(contender.name, []).append(figures)
                if number == 0:
                    slow[contender.name] = with_slow_clients(address)
    rates = {name: report.summary(found).rate for name, found in results.get("page", {}).items()}
    plot = report.plot(rates, "Welcome page, 32 connections, requests per second")
    return written(results, slow, f"rounds: {rounds} of {seconds:g} seconds"), plot


def with_slow_clients(address: str) -> dict[str, str]:
    """Median and p99, in milliseconds, of normal requests beside 200 slow clients of each kind."""
    found = {}
    for name, client in slow_clients.CLIENTS.items():
        times = slow_clients.latencies(address, client, 200, 5)
        found[name] = f"{times[len(times) // 2]:.1f} / {times[int(len(times) * 0.99)]:.1f}"
    return found


def written(
    results: dict[str, dict[str, list[measure.Figures]]],
    slow: dict[str, dict[str, str]],
    rounds: str,
) -> str:
    """The report in Markdown."""
    kinds = list(slow_clients.CLIENTS)
    rows = [f"| | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    rows += [
        f"| {name} | {' | '.join(row[kind] for kind in kinds)} |" for name, row in slow.items()
    ]
    parts = (
        "# Benchmarks",
        f"`make bench`, {datetime.date.today().isoformat()}: {os.cpu_count()} cores, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}; {rounds}. [performance.md](performance.md) says what it"
        " means.",
        "![Requests per second of the welcome page](benchmarks.svg)",
        "## In short: requests per second of the welcome page, with nginx + gunicorn as 1",
        report.short(results, slow, contenders.REFERENCE) if contenders.REFERENCE in slow else "",
        report.table(results, contenders.REFERENCE).rstrip(),
        "## Normal requests beside 200 slow clients, median / p99 in milliseconds",
        "\n".join(rows),
    )
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
