"""``python -m`` this package: Flask's development server, without Apache."""

import os
import sys
from contextlib import suppress

from flask.cli import main

if __name__ == "__main__":
    with suppress(ImportError):  # ./run setup installs python-dotenv; without it, Flask tells you
        from dotenv import load_dotenv

        load_dotenv(".env", interpolate=False)  # as ./run does: Flask would replace ${NAME} in it
        os.environ["FLASK_SKIP_DOTENV"] = "1"
    sys.argv = ["flask", "--app", str(__package__), "run", *sys.argv[1:]]
    main()
