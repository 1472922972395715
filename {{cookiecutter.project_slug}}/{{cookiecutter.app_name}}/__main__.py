"""``python -m`` this package: Flask's development server, without Apache."""

import os
import sys

from dotenv import load_dotenv
from flask.cli import main

if __name__ == "__main__":
    # Read .env as ./run does: Flask would replace ${NAME} in it.
    load_dotenv(".env", interpolate=False)
    os.environ["FLASK_SKIP_DOTENV"] = "1"
    sys.argv = ["flask", "--app", str(__package__), "run", *sys.argv[1:]]
    main()
