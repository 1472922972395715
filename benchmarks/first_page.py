"""``python -m benchmarks.first_page``: how long it takes from `cookiecutter` to the first page.

With packages and builds in the caches, by pip and by uv; and with empty caches and the bundled
Apache, against ``pip install mod_wsgi-standalone``, which only compiles it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from .project import TEMPLATE

PINS = TEMPLATE / "src/flask_modwsgi/setup/pins/bundled.txt"

Way = Callable[[Path], None]


def main() -> None:
    """Measure the ways in turn, and print the medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of all ways; 3 by default")
    parser.add_argument("--cold", action="store_true", help="compile Apache, too: minutes")
    options = parser.parse_args()
    warm: dict[str, Way] = {"pip": with_pip, "uv": with_uv}
    if not shutil.which("uv"):
        print("skipped uv: install uv", file=sys.stderr)
        del warm["uv"]
    for way in warm.values():
        seconds(way)  # fills the caches
    report(warm, options.rounds)
    if options.cold:
        report({"bundled Apache": bundled, "pip install mod_wsgi-standalone": by_hand}, 1)


def report(ways: dict[str, Way], rounds: int) -> None:
    """Print the median of each, in seconds."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(seconds(way))
    for name, found in times.items():
        print(f"{name:32}{median(found):8.1f} s", flush=True)


def seconds(way: Way) -> float:
    """The time that one way takes, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="fmw-first-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        started = time.monotonic()
        way(Path(folder))
        return time.monotonic() - started


def with_pip(folder: Path) -> None:
    """The setup chooses pip where it finds no uv."""
    generate(folder, PATH=without_uv())


def with_uv(folder: Path) -> None:
    """The setup chooses uv where it finds it."""
    generate(folder)


def bundled(folder: Path) -> None:
    """Nothing was built or fetched before."""
    generate(folder, "apache=bundled", PATH=without_uv(), XDG_CACHE_HOME=str(folder / "cache"))


def by_hand(folder: Path) -> None:
    """What others do to compile an Apache for mod_wsgi, of the same version."""
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    pinned = PINS.read_text("utf-8").split()[0]
    pip = (folder / "env/bin/python", "-m", "pip", "--quiet", "install", "--no-cache-dir")
    subprocess.run([*pip, pinned], check=True, stdout=sys.stderr)


def generate(folder: Path, *answers: str, **env: str) -> None:
    """Generate a project; its setup ends when Apache has answered with the page."""
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "-o", str(folder)]
    done = subprocess.run(
        [*command, *answers], env=os.environ | env, stdout=subprocess.PIPE, text=True, check=True
    )
    if "\nReady " not in done.stdout:
        raise SystemExit(done.stdout)


def without_uv() -> str:
    """PATH without the folders that have uv."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / "uv").exists())


if __name__ == "__main__":
    main()
