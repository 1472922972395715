"""``python -m flask_modwsgi``; also run straight from a wheel file, as ``run`` does."""

import signal
import sys
from pathlib import Path

# Ctrl-C during the imports ends this without a traceback; main() sets a handler of its own.
signal.signal(signal.SIGINT, signal.SIG_DFL)

if not __package__:
    # Python was given "NAME.whl/flask_modwsgi": import from the wheel, not from this folder.
    sys.path[0] = str(Path(__file__).parents[1])

from flask_modwsgi.cli.main import run  # noqa: E402

run("./run")
