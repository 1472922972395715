"""``python -m server``: what ``./run`` calls."""

import sys

from .cli import main

sys.exit(main(sys.argv[1:]))
