"""What a process of the application reports about itself."""

import json
import locale
import time
from collections.abc import Callable
from pathlib import Path

from flask_modwsgi.machine import files
from flask_modwsgi.worker import gate


def of(application: gate.Gate) -> Callable[[Path], None]:
    """A function that writes how busy this process is; the first report says that it is ready."""

    def report(file: Path) -> None:
        found = {
            "time": time.time(),
            "requests": application.taken,
            "busy": len(application.runner.current),
            "locale": locale.setlocale(locale.LC_CTYPE),
        }
        files.write(file, json.dumps(found))

    return report
