"""``make demo``: generate a project with the default answers, serve it, and show its page.

The project is made in a temporary folder, which goes when the demo ends, also by Ctrl-C.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

TEMPLATE = Path(__file__).resolve().parent
LAST_SECONDS = 10.0  # for what was started to end, after the program that started it


def is_usable(folder: Path) -> bool:
    """Whether programs run there, and the user to whom root hands requests may enter it."""
    executable = not os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)
    steps = (folder, *folder.parents)
    return executable and (os.geteuid() != 0 or all(step.stat().st_mode & 0o001 for step in steps))


def place() -> Path:
    """Where to make the folder of the demo."""
    places = [Path(tempfile.gettempdir()), Path("/var/tmp"), TEMPLATE]
    return next(filter(is_usable, places), places[0])


def start(*command: str | Path, stdin: int | None = None, **env: str) -> "subprocess.Popen[bytes]":
    """Start a command. Ctrl-C reaches it by itself; it is told of other signals."""
    process = subprocess.Popen(command, env=os.environ | env, stdin=stdin)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: process.terminate())
    return process


@contextmanager
def awaited() -> Iterator[int]:
    """An empty input for a program; then waits until nothing has it that the program has started."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            ours.shutdown(socket.SHUT_WR)
            yield theirs.fileno()
        ours.settimeout(LAST_SECONDS)
        with suppress(OSError):
            ours.recv(1)


def generate(folder: Path) -> Path:
    """The new project; ends the program where it could not be made ready."""
    # cookiecutter leaves its replay file in the home directory and the hooks in TMPDIR.
    own = folder / "cookiecutter"
    own.mkdir()
    config = own / "config.yaml"
    config.write_text(f"replay_dir: {own}\ncookiecutters_dir: {own}\n")
    options = ("--no-input", "--config-file", config, "--output-dir", folder)
    command = (sys.executable, "-m", "cookiecutter", TEMPLATE, *options)
    project = folder / "hello-flask"
    # After Ctrl-C, cookiecutter ends before its hook, which still writes into the folder.
    with awaited() as stdin:
        status = start(*command, stdin=stdin, TMPDIR=str(own)).wait()
    if status != 0 or not (project / ".venv").exists():
        sys.exit("The demo ends here, and its folder is removed. To try again: make demo")
    return project


def port() -> int:
    """PORT or 8000, or a free port where that is taken or none."""
    for number in (os.environ.get("PORT") or 8000, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", int(number)))
            except (OSError, OverflowError, ValueError):
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("port 0 is always free")


def page(address: str, server: "subprocess.Popen[bytes]") -> str:
    """The page, as soon as Apache answers with it."""
    opener = build_opener(ProxyHandler({}))
    while server.poll() is None:
        try:
            with opener.open(address, timeout=10) as response:
                return str(response.read().decode())
        except OSError:
            time.sleep(0.1)
    sys.exit(server.returncode or 1)


def main() -> int:
    started = time.monotonic()
    signal.signal(signal.SIGINT, lambda *_: None)
    with tempfile.TemporaryDirectory(prefix="flask-modwsgi-demo-", dir=place()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        print(f"Generating into {folder}, which is removed at the end\n", flush=True)
        project = generate(folder)
        number = port()
        server = start(project / "run", PORT=str(number))
        address = f"http://127.0.0.1:{number}/"
        print(f"\n{page(address, server)}")
        seconds = time.monotonic() - started
        print(f"That is {address}, served by Apache after {seconds:.0f} s. Ctrl-C stops it.")
        sys.stdout.flush()
        return server.wait()


if __name__ == "__main__":
    sys.exit(main())
