"""The page for Prometheus, in a process of its own: it answers when all others are busy."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from flask_modwsgi.config import settings
from flask_modwsgi.machine import process_table
from flask_modwsgi.worker import slots
from flask_modwsgi.worker.metrics_server import Server


class Collected(Collector):
    """The sum of what all processes counted, and what the kernel says of those that live."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def collect(self) -> Iterator[Metric]:
        owners = slots.owners(self.folder)
        files = [str(file) for file in self.folder.glob("*.db") if _counts(file, owners)]
        for metric in MultiProcessCollector.merge(files):  # type: ignore[no-untyped-call]
            for sample in metric.samples:
                if sample.labels.get("pid") in owners:
                    sample.labels["pid"] = str(owners[sample.labels["pid"]])
            yield metric
        yield from _processes(list(owners.values()))


def _counts(file: Path, owners: dict[str, int]) -> bool:
    """Whether the file has values: counters stay, gauges end with their process."""
    if file.name.startswith("gauge_live") and file.stem.rpartition("_")[2] not in owners:
        return False
    with contextlib.suppress(FileNotFoundError):
        return file.stat().st_size > 0
    return False


def _processes(pids: list[int]) -> Iterator[Metric]:
    count = GaugeMetricFamily("wsgi_processes", "Processes that run the application.")
    memory = GaugeMetricFamily(
        "wsgi_process_resident_memory_bytes", "Memory in use.", labels=["pid"]
    )
    cpu = CounterMetricFamily("wsgi_process_cpu_seconds", "Processor time.", labels=["pid"])
    for pid in pids:
        if process := process_table.find(pid):
            memory.add_metric([str(pid)], process.memory)
            cpu.add_metric([str(pid)], process.processor)
    count.add_metric([], len(memory.samples))
    yield from (count, memory, cpu)


def main() -> None:
    """Serve until Apache ends this process."""
    folder = Path(os.environ["MOD_WSGI_SERVER_ROOT"]) / "workers" / "metrics"
    folder.mkdir(exist_ok=True)
    chosen = settings.load(os.environ)
    registry = CollectorRegistry()
    registry.register(Collected(folder))
    assert chosen.metrics_port
    Server(chosen.monitoring_host, chosen.metrics_port, registry).serve_forever()


main()
