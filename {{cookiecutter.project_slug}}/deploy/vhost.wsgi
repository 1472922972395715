"""What Apache loads by vhost.conf, where nothing has read the settings: `.env`, then the application."""

import os
import runpy
from pathlib import Path

from dotenv import load_dotenv

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "{{ cookiecutter.app_name }}.wsgi"
load_dotenv(ROOT / ".env", interpolate=False)
# The path of its cookies.
os.environ["FLASK_APPLICATION_ROOT"] = "{{ cookiecutter.__mount_point }}"
application = runpy.run_path(str(FILE))["application"]
