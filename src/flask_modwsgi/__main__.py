"""``python -m flask_modwsgi``; also run straight from a wheel file, as ``run`` does."""

import sys
from pathlib import Path

if not __package__:
    # Python was given "NAME.whl/flask_modwsgi": import from the wheel, not from this folder.
    sys.path[0] = str(Path(__file__).parents[1])

from flask_modwsgi.cli.main import run

run("./run")
