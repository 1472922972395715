"""Counts the requests of this process in files that ``metrics_page.py`` adds up.

Names as https://prometheus.io/docs/practices/naming/ wants them. The library decides when it is
imported that several processes count, so ``PROMETHEUS_MULTIPROC_DIR`` has to be set before.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mod_wsgi  # type: ignore[import-not-found]  # exists only within Apache
from prometheus_client import Counter, Gauge, Histogram, values

from flask_modwsgi.worker.runner import Runner, Work
from flask_modwsgi.worker.slots import Slot

# Any other word is a client's invention, and each would be a time series for ever.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


def record() -> Callable[[Runner], None]:
    """Count every request of this process from now on; the result is to be called with its runner."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    folder.mkdir(exist_ok=True)
    # Numbers that are used again, instead of process ids, keep sums and bound the files:
    # https://prometheus.github.io/client_python/multiprocess/
    values.ValueClass = values.MultiProcessValue(Slot(folder))  # type: ignore[no-untyped-call]
    requests = Counter("wsgi_requests", "Requests the application answered.", ["method", "status"])
    duration = Histogram(
        "wsgi_request_duration_seconds", "Time the application took.", buckets=SECONDS
    )
    queue = Histogram(
        "wsgi_request_queue_seconds", "Time a request waited for a free thread.", buckets=SECONDS
    )
    threads = Gauge(
        "wsgi_threads", "Requests that are worked on at once, at most.", multiprocess_mode="liveall"
    )
    busy = Gauge("wsgi_busy_threads", "Requests that are worked on.", multiprocess_mode="liveall")
    busy.set(0)

    def count(name: str, **event: Any) -> None:
        if name == "request_started":
            method = event["request_environ"]["REQUEST_METHOD"]
            event["request_data"]["method"] = method if method in METHODS else "other"
        elif name == "request_finished":
            status = f"{event['status'] // 100}xx"
            requests.labels(event["request_data"]["method"], status).inc()

    def observe(runner: Runner) -> None:
        def entered(work: Work) -> None:
            busy.set(len(runner.current))
            queue.observe(work.began - work.asked)

        def left(work: Work) -> None:
            busy.set(len(runner.current))
            duration.observe(time.monotonic() - work.began)

        threads.set(runner.threads)
        runner.entered, runner.left = entered, left

    mod_wsgi.subscribe_events(count)
    return observe
