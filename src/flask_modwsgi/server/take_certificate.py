"""``python -m flask_modwsgi.server.take_certificate``: the process that reads the log calls this.

Apache has got a certificate from the authority of ``HTTPS_NAMES`` then; or the application wrote a
line that says so.
"""

import os
import sys
from pathlib import Path

from ..apache import state
from ..config.project import Project
from ..doctor import check_trust
from ..machine import files
from ..problems.problem import Problem, tell
from . import launch, renewal


def main(project: Project) -> int:
    """`renewal.renew`, with the variables that the server was started with."""
    try:
        check_trust.check(project)
        recorded = files.text(state.root(project) / launch.VARIABLES)
        os.environ.update(files.parsed(recorded))
        return renewal.renew(project)
    except Problem as problem:
        tell(problem, as_json=False)
        return 1


if __name__ == "__main__":
    sys.exit(main(Project(Path(sys.argv[1]))))
