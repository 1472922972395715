"""One measurement: load from wrk or h2load, and what the server's processes used meanwhile."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Figures:
    """What one run of one workload gave.

    Rate in requests per second, p99 in milliseconds, CPU in microseconds per request, memory (PSS)
    in megabytes. Errors are connections refused, broken or timed out, and answers that are no 2xx.
    """

    rate: float
    p99: float
    errors: int
    cpu: float
    memory: float


def under_load(
    address: str,
    connections: int,
    seconds: float,
    marker: str,
    script: Path | None = None,
    protocol: str = "http/1.1",
) -> Figures:
    """Put load on `address` and measure.

    :param connections: Requests under way at a time; with HTTP/2, four share a connection.
    :param marker: What stands in the command line of every process of the server, or of the parent
        of one.
    :param script: A script of wrk, for requests that are no plain GET.
    :param protocol: http/1.1 or h2.
    """
    before = _cpu_seconds(marker)
    if protocol == "h2":
        requests, rate, p99, errors = _h2load(address, connections, seconds)
    else:
        requests, rate, p99, errors = _wrk(address, connections, seconds, script)
    used = _cpu_seconds(marker) - before
    return Figures(rate, p99, errors, used / max(1, requests) * 1e6, _memory(marker))


def _wrk(
    address: str, connections: int, seconds: float, script: Path | None
) -> tuple[int, float, float, int]:
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "--timeout", "10s"]
    words += ["-s", str(script)] if script else []
    done = subprocess.run([*words, address], capture_output=True, text=True, check=True)
    return read(done.stdout)


def _h2load(
    address: str, connections: int, seconds: float, streams: int = 4
) -> tuple[int, float, float, int]:
    with tempfile.NamedTemporaryFile() as log:
        size = [f"-c{connections // streams}", f"-m{streams}", f"-D{seconds:g}"]
        words = ["h2load", *size, f"--log-file={log.name}", address]
        subprocess.run(words, capture_output=True, check=True)
        return read_h2load(Path(log.name).read_text(), seconds)


def read_h2load(log: str, seconds: float) -> tuple[int, float, float, int]:
    """Requests, requests per second, p99 in milliseconds and errors, from h2load's log of requests.

    Its columns are the start, the status and the time in microseconds
    (https://nghttp2.org/documentation/h2load.1.html).
    """
    answers = [line.split("\t") for line in log.splitlines()]
    times = sorted(int(time) / 1000 for _, _, time in answers)
    errors = sum(status[:1] != "2" for _, status, _ in answers)
    p99 = times[int(len(times) * 0.99)] if times else 0.0
    return len(times), len(times) / seconds, p99, errors


def read(output: str) -> tuple[int, float, float, int]:
    """Requests, requests per second, p99 in milliseconds and errors, as wrk prints them."""
    requests = int(_number(r"(\d+) requests in", output))
    rate = _number(r"Requests/sec:\s+([\d.]+)", output)
    value, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s|m)", output)[0]
    p99 = float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[unit]
    broken = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output
    )
    errors = sum(map(int, broken.groups())) if broken else 0
    return requests, rate, p99, errors + int(_number(r"Non-2xx or 3xx responses: (\d+)", output))


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def family(marker: str) -> list[psutil.Process]:
    """The processes of a server: those with the marker in their command line, and their children."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter(["cmdline"]):
        if any(marker in word for word in process.info["cmdline"] or []):
            try:
                for one in (process, *process.children(recursive=True)):
                    found[one.pid] = one
            except psutil.NoSuchProcess:
                continue
    return list(found.values())


def _cpu_seconds(marker: str) -> float:
    total = 0.0
    for process in family(marker):
        try:
            times = process.cpu_times()
            total += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return total


def _memory(marker: str) -> float:
    total = 0
    for process in family(marker):
        try:
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(_number(r"Pss:\s+(\d+) kB", text))
    return total / 1024
