"""What Apache loads. Needs no editing: it finds the app's root directory by its own place."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from {{ cookiecutter.app_name }} import create_app

application = create_app()
