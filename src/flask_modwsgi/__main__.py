"""``python -m flask_modwsgi``; also run straight from a wheel file, as ``run`` does.

Where ``.venv`` is half-built, what is installed there may lack files; then the wheel takes over.
"""

import os
import signal
import sys
from pathlib import Path

# Ctrl-C during the imports ends this without a traceback; main() sets a handler of its own.
signal.signal(signal.SIGINT, signal.SIG_DFL)

PACKAGE = Path(__file__).parent
IS_INSTALLED = bool(__package__)

if not IS_INSTALLED:
    # Python was given "NAME.whl/flask_modwsgi": import from the wheel, not from this folder.
    sys.path[0] = str(PACKAGE.parent)


def hand_over() -> None:
    """Go on with the wheel of the project, where ``run`` has called this: it looked at whose that is."""
    wheels = sorted(Path("wheels").glob("flask_modwsgi-*.whl"))
    if IS_INSTALLED and wheels and "looked" in sys._xoptions:
        options = ["-I", "-X", "looked", f"{wheels[-1]}/flask_modwsgi"]
        os.execv(sys.executable, [sys.executable, *options, *sys.argv[1:]])


try:
    from flask_modwsgi.setup.recorded_files import are_whole

    if not are_whole(PACKAGE.parent):  # in a wheel file, there is nothing recorded
        hand_over()
    from flask_modwsgi.cli.main import run
except Exception:
    hand_over()
    raise

run("./run")
