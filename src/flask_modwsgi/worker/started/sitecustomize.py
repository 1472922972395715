"""Python runs this first in the programs of ``./run exec``, if their user cannot read ``.env``.

Then it runs the one that it stands before. https://docs.python.org/3/library/site.html#module-sitecustomize
"""

import contextlib
import importlib
import json
import os
import sys
from pathlib import Path

sys.path[:] = [path for path in sys.path if Path(path) != Path(__file__).parent]
with contextlib.suppress(ImportError):  # another Python than that of the environment
    from flask_modwsgi.worker import dotenv_readers

    if told := os.environ.get("FLASK_MODWSGI_ENV_FILE"):
        dotenv_readers.give(*json.loads(told))
own = sys.modules.pop(__name__)
try:
    importlib.import_module(__name__)
except ModuleNotFoundError as error:
    if error.name != __name__:
        raise
    sys.modules[__name__] = own  # there is no other
