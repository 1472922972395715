"""Writes the pictures of README from a real run: `make pictures`. It needs an installed Apache and Chromium.

The recording has the commands as they are typed, what they print, and when; waits are cut to a second.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = Path(__file__).with_name("_static")
GENERATE = "cookiecutter gh:org/flask-modwsgi --no-input"
COMMANDS = ("cd hello-flask && ./run start", "./run status", "./run reload", "./run stop")
LONGEST_WAIT, TYPING = 1.0, 0.04  # seconds, seconds a character
LINE, LEFT, COLUMNS = 19, 16, 88
STYLE = """\
svg { background: #16181d; border-radius: 8px; }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #d7dae0;
  white-space: pre; }
.typed { fill: #8ce99a; }
g { animation: appear 1ms both; }
@keyframes appear { from { opacity: 0; } }
@media (prefers-reduced-motion) { g { animation: none; } }
"""

Moment = tuple[float, str, bool]  # seconds, a line, whether it is typed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def watch(shown: str, command: str, folder: Path, env: dict[str, str]) -> list[Moment]:
    """Run it; each line comes with the seconds since the one before."""
    moments: list[Moment] = [(len(shown) * TYPING, f"$ {shown}", True)]
    before = time.monotonic()
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout or ():
        now = time.monotonic()
        moments.append((min(now - before, LONGEST_WAIT), line.rstrip(), False))
        before = now
    if process.wait():
        sys.exit("\n".join(line for _, line, _ in moments))
    return moments


def svg(moments: list[Moment]) -> str:
    """The lines below each other, each appearing at its time; at the end all are there."""
    rows, clock = [], 0.5
    for number, (wait, line, typed) in enumerate(moments):
        clock += wait
        kind = ' class="typed"' if typed else ""
        rows.append(
            f'<g style="animation-delay:{clock:.2f}s"><text x="{LEFT}" y="{28 + LINE * number}"{kind}>'
            f"{escape(line[:COLUMNS])}</text></g>"
        )
        clock += 0.3 * typed
    width, height = 2 * LEFT + round(8.43 * COLUMNS), 30 + LINE * len(moments)
    text = "\n".join(rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' role="img"><title>A recording of a terminal</title>\n<style>\n{STYLE}</style>\n{text}\n'
        "</svg>\n"
    )


def photograph(address: str) -> None:
    """The welcome page as a browser shows it, to people who prefer light and dark pages."""
    for number, name in enumerate(("dark", "light")):
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--blink-settings=preferredColorScheme={number}", "--window-size=760,600"]
        command += [f"--screenshot={PICTURES / f'welcome-{name}.png'}", address]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def main() -> None:
    for program in ("apache2", "httpd"):
        if shutil.which(program):
            break
    else:
        sys.exit("Apache is not installed; on Debian: apt-get install apache2-bin apache2-dev")
    with tempfile.TemporaryDirectory(prefix="fmw-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        port = free_port()
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": name, "PORT": str(port)}
        env |= {"LANG": "C.UTF-8"}
        config = folder / "config.yaml"
        config.write_text(f"replay_dir: {folder}\ncookiecutters_dir: {folder}\n")
        cutter = Path(sys.executable).with_name("cookiecutter")
        generate = f"{cutter} {ROOT} --no-input --config-file {config}"
        moments = watch(GENERATE, generate, folder, env)
        project = folder / "hello-flask"
        try:
            for command in COMMANDS:
                moments += watch(command, command.removeprefix("cd hello-flask && "), project, env)
                if command.endswith("start"):
                    photograph(f"http://127.0.0.1:{port}/")
        finally:
            subprocess.run([project / "run", "stop"], env=env, capture_output=True)
        text = svg(
            [
                (wait, line.replace(name, "~").replace(str(port), "8000"), typed)
                for wait, line, typed in moments
            ]
        )
        (PICTURES / "terminal.svg").write_text(text, "utf-8")


if __name__ == "__main__":
    os.umask(0o022)
    main()
