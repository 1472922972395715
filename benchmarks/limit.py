"""The application alone: what one process answers when it is called without a server."""

import json
import subprocess
from pathlib import Path

from .measure import Figures

NAME = "Flask in one process, without a server"
CALLS = """
import json, sys, time
from werkzeug.test import create_environ, run_wsgi_app
from benchmark_app import create_app

app, environ, times = create_app(), create_environ(sys.argv[1]), []
end = time.perf_counter() + float(sys.argv[2])
while not times or times[-1][1] < end:
    began = time.perf_counter()
    run_wsgi_app(app, environ.copy(), buffered=True)
    times.append((began, time.perf_counter()))
taken = sorted(after - before for before, after in times)
rss = int(open("/proc/self/statm").read().split()[1]) * 4096
print(json.dumps([len(taken), taken[int(len(taken) * 0.99)], time.process_time(), rss]))
"""


def measure(python: Path, project: Path, path: str, seconds: float) -> Figures:
    """The rate, p99 and CPU of calls of the application one after the other."""
    words = [str(python), "-c", CALLS, path, f"{seconds:g}"]
    env = {"FLASK_SECRET_KEY": "only for benchmarks", "PYTHONPATH": str(project)}
    done = subprocess.run(words, cwd=project, env=env, stdout=subprocess.PIPE, check=True)
    calls, p99, cpu, memory = json.loads(done.stdout)
    return Figures(calls / seconds, p99 * 1e3, 0, cpu / calls * 1e6, memory / 2**20)
