"""`make bench`, held to a second for each measurement."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import copy_template
from serving import patience

from benchmarks import modes, verbs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("wrk") or not shutil.which("h2load"),
        reason="wrk or h2load is missing; on Debian: apt-get install wrk nghttp2-client",
    ),
]


def test_every_way_to_measure(tmp_path: Path, home: Path) -> None:
    """The plain page, more processes, TLS, HTTP/2, slow clients, the verbs, the application alone."""
    copy = copy_template(tmp_path / "template")
    options = ("--workload", "page", "--seconds", "1", "--rounds", "1")
    command = [sys.executable, "-m", "benchmarks", "as generated", *options]
    done = subprocess.run(
        command, cwd=copy, capture_output=True, text=True, timeout=900 * patience()
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| as gen")]
    measured = {
        line.removeprefix("## ") for line in done.stdout.splitlines() if line.startswith("## page")
    }
    assert measured == {
        "page",
        "page, 1 process x 5 threads",
        "page, 4 processes x 5 threads",
        "page, 2 processes x 20 threads",
        "page, TLS",
        "page, HTTP/2",
    }
    rates = [row for row in rows if len(row) == 9]
    assert len(rates) == len(measured)
    for _, _, rate, _, _, errors, cpu, memory, *_ in rates:
        assert float(rate.replace(",", "")) > 0
        assert int(errors) == 0
        assert float(cpu) > 0
        assert float(memory) > 0
    lines = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")]
    costs = [row for row in lines if row[1].strip() in modes.MODES]
    assert [row[1].strip() for row in costs] == list(modes.MODES)
    for _, mode, longest, failed, closed, *_ in costs:
        assert 0 < float(longest) < 60
        assert int(failed.split(" of ")[1].replace(",", "")) > 100
        assert ("20 of 20" in closed) == ("embedded" in mode)
    taken = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| `./run ")]
    assert [row[1].strip() for row in taken] == [f"`./run {verb}`" for verb in verbs.VERBS]
    assert all(0 < float(row[2]) < 100 for row in taken)
    assert "| Flask in one process, without a server |" in done.stdout
    assert (copy / "benchmarks/results/benchmarks.svg").exists()
