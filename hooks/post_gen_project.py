"""Put the wheel of flask-modwsgi into the new project and build its environment: `./run setup`.

Whatever happens, this exits with 0: cookiecutter deletes the project of a hook that fails, and
all files are complete already. `./run setup` says itself what it misses.
"""

import sys

# cookiecutter runs a copy of this in a folder like /tmp, from which Python would import what others put there.
if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    del sys.path[0]

import json
import os
import signal
import subprocess
from pathlib import Path


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def restore_executable_bit(script: Path) -> None:
    """Let everyone run it who may read it; templates that came as a zip file have lost this."""
    mode = script.stat().st_mode
    script.chmod(mode | (mode & 0o444) >> 2)


def close_to_groups() -> None:
    """Root runs nothing that a group can write; with a umask of 002, cookiecutter makes such files."""
    if os.geteuid() == 0:
        os.umask(os.umask(0o022) | 0o022)
        subprocess.call(["chmod", "-R", "go-w", "."])


def put_wheel(checkout: Path) -> None:
    """Build the wheel of the template's own package; an older one goes."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(checkout))
    from build_wheel import build_wheel

    wheels = Path("wheels")
    wheels.mkdir(exist_ok=True)
    name = build_wheel(str(wheels))
    for wheel in wheels.glob("flask_modwsgi-*.whl"):
        if wheel.name != name:
            wheel.unlink()


def is_rendered_to_compare(checkout: Path, answers: dict[str, object]) -> bool:
    """`cruft update` and `cruft diff` render whole projects only to compare them.

    They keep the checkout in a folder ``repo`` of the one they render into; `cruft create` does
    not (cruft 2.16.0, ``_commands/utils``).
    """
    return "_commit" in answers and checkout.name == "repo"


def environment() -> dict[str, str]:
    """The Python that runs cookiecutter is the last one `run` finds."""
    path = os.environ.get("PATH", os.defpath)
    return {**os.environ, "PATH": path + os.pathsep + os.path.dirname(sys.executable)}


def set_up() -> int:
    """Run `./run setup` to its end: Ctrl-C reaches it as well, and it tidies up by itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return subprocess.call(["./run", "setup"], env=environment())


def main(answers: dict[str, object], checkout: Path) -> None:
    command = f"  cd {Path.cwd()} && ./run setup"
    try:
        restore_executable_bit(Path("run"))
        close_to_groups()
        put_wheel(checkout)
        if is_rendered_to_compare(checkout, answers):
            return
        if not answers["install"]:
            say(f"The project is complete. To build its environment:\n{command}")
        elif set_up() != 0:
            say(f"The project is complete, its environment is not yet. To continue:\n{command}")
    except Exception as error:
        say(f"The project is complete, but ./run setup did not start: {error}\n{command}")


if __name__ == "__main__":
    try:
        main(
            json.loads(r"""{{ cookiecutter | tojson }}"""),
            Path(json.loads(r"""[{{ template_checkout() | tojson }}]""")[0]),
        )
    finally:
        os._exit(0)  # even if the terminal is gone and nothing can be printed
