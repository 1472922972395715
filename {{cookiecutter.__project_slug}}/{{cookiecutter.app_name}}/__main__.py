"""``python -m`` this package: Flask's development server, without Apache."""

import sys

from flask.cli import main

if __name__ == "__main__":
    sys.argv = ["flask", "--app", str(__package__), "run", *sys.argv[1:]]
    main()
