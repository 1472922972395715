"""The verbs of ``./run``: how long each of them takes, beside the application's own import."""

import os
import subprocess
import time
from pathlib import Path
from statistics import median

# In an order in which each of them has something to do.
VERBS = ("start", "status", "config", "doctor", "reload", "stop")
LOADING = ("start", "reload")
IMPORT = """
import time
started = time.perf_counter()
from benchmark_app import create_app
create_app()
print(time.perf_counter() - started)
"""


def table(project: Path, port: int, rounds: int) -> str:
    """The medians of a project's verbs, in seconds, as a table in Markdown.

    :raises RuntimeError: a verb failed; the text is what it printed.
    """
    times: dict[str, list[float]] = {verb: [] for verb in VERBS}
    imports = []
    for _ in range(rounds):
        imports.append(_import(project))
        try:
            for verb in VERBS:
                times[verb].append(_seconds(project, verb, port))
        finally:
            _run(project, "stop", port)
    lines = ["| verb | time (s) | the application's own import (s) |", "|---|---|---|"]
    for verb, found in times.items():
        own = f"{median(imports):.2f}" if verb in LOADING else ""
        lines.append(f"| `./run {verb}` | {median(found):.2f} | {own} |")
    return "\n".join(lines)


def _import(project: Path) -> float:
    words = [str(project / ".venv/bin/python"), "-c", IMPORT]
    env = os.environ | {"FLASK_SECRET_KEY": "only for benchmarks", "PYTHONPATH": str(project)}
    done = subprocess.run(words, cwd=project, env=env, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def _seconds(project: Path, verb: str, port: int) -> float:
    started = time.monotonic()
    done = _run(project, verb, port)
    if done.returncode:
        raise RuntimeError(f"./run {verb} failed\n{done.stdout}")
    return time.monotonic() - started


def _run(project: Path, verb: str, port: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [project / "run", verb],
        env=os.environ | {"PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Apache signals its whole process group
    )
