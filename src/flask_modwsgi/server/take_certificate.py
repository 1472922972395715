"""``python -m flask_modwsgi.server.take_certificate``: what reads the log calls this.

Apache has got a certificate from the authority of ``HTTPS_NAMES`` then.
"""

import os
import sys
from pathlib import Path

from ..apache import state
from ..config.project import Project
from ..machine import files
from ..problems.problem import Problem, tell
from . import renewal


def main(project: Project) -> int:
    """`renewal.renew`, with the variables that the server was started with."""
    recorded = files.text(state.root(project) / "environment.json")
    os.environ.update(files.parsed(recorded)["variables"])
    try:
        return renewal.renew(project)
    except Problem as problem:
        tell(problem, as_json=False)
        return 1


if __name__ == "__main__":
    sys.exit(main(Project(Path(sys.argv[1]))))
