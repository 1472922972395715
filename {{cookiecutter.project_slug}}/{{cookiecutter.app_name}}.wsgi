"""What Apache loads. It needs no editing, because it finds the app's root directory from its own path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from {{ cookiecutter.app_name }} import create_app

application = create_app()
