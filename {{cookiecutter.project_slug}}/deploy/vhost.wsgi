"""What Apache loads with vhost.conf. It reads `.env`, because ./run does not, then loads the application."""

import os
import runpy
from pathlib import Path

from dotenv import load_dotenv

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "{{ cookiecutter.app_name }}.wsgi"
load_dotenv(ROOT / ".env", interpolate=False)
# The path of the application's cookies.
os.environ["FLASK_APPLICATION_ROOT"] = "{{ cookiecutter.__mount_point }}"
application = runpy.run_path(str(FILE))["application"]
