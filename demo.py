"""``make demo``: generate a project with the default answers, serve it, and show its page."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

TEMPLATE = Path(__file__).resolve().parent


def new_folder() -> Path:
    """A folder in this clone; below the temporary directory where nobody but root may enter it.

    Apache run by root hands requests to an unprivileged user, who must reach the project.
    """
    private = [step for step in (TEMPLATE, *TEMPLATE.parents) if not step.stat().st_mode & 0o001]
    parent = None
    if os.geteuid() != 0 or not private:
        parent = TEMPLATE
    else:
        mode = stat.filemode(private[0].stat().st_mode)
        print(f"Only root may enter {private[0]} ({mode}), so the demo goes elsewhere:")
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=parent))
    folder.chmod(0o755)
    print(f"Generating into {folder}\n", flush=True)
    return folder


def generate(folder: Path) -> Path:
    """The new project; ends the program where it could not be made ready."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        # cookiecutter leaves its replay file in the home directory and the hooks in TMPDIR.
        config = Path(own) / "config.yaml"
        config.write_text(f"replay_dir: {own}\ncookiecutters_dir: {own}\n")
        options = ["--no-input", "--config-file", str(config), "--output-dir", str(folder)]
        command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), *options]
        subprocess.run(command, check=True, env=os.environ | {"TMPDIR": own})
    (project,) = folder.iterdir()
    if not (project / ".venv" / "setup.json").exists():
        sys.exit(1)
    return project


def port() -> int:
    """8000, or a free port where that is taken."""
    for number in (8000, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("port 0 is always free")


def page(address: str, server: subprocess.Popen[bytes]) -> str:
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
    project = generate(new_folder())
    number = port()
    server = subprocess.Popen([project / "run"], env=os.environ | {"PORT": str(number)})
    # Ctrl-C reaches ./run by itself, which stops Apache; this only waits for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: server.terminate())
    address = f"http://127.0.0.1:{number}/"
    print(f"\n{page(address, server)}")
    seconds = time.monotonic() - started
    print(
        f"That is {address}, served by Apache after {seconds:.0f} s. Ctrl-C stops it.", flush=True
    )
    return server.wait()


if __name__ == "__main__":
    sys.exit(main())
