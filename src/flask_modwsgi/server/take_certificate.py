"""``python -m flask_modwsgi.server.take_certificate``: the process that reads the log calls this.

Apache has got a certificate from the authority of ``HTTPS_NAMES`` then; or the application wrote a
line that says so.
"""

import os
import sys
from pathlib import Path

from ..apache import releases, state
from ..doctor import check_trust
from ..machine import files
from ..machine.times import wait
from ..problems.problem import Problem, tell
from ..tls import acme
from . import launch, locks, renewal

PATIENCE = 5.0  # seconds in which Apache, which has written the line, writes the certificate


def main(root: Path) -> int:
    """`renewal.renew`, with the variables that the server was started with.

    :param root: The server root.
    """
    try:
        if not wait(lambda: _is_there(root), PATIENCE):
            return 0
        with locks.held(releases.served(root), "server"):
            project = releases.served(root)  # a reload, which was waited for, may have changed it
            check_trust.check(project)
            recorded = files.text(state.root(project) / launch.VARIABLES)
            os.environ.update(files.parsed(recorded))
            renewal.take_certificate(project)
        return 0
    except Problem as problem:
        tell(problem, as_json=False)
        return 1


def _is_there(root: Path) -> bool:
    """Whether there is a new certificate, whatever the log says."""
    project, names = releases.served(root), state.read(root).setting("https_names", "")
    return bool(names) and acme.staged(project, names) is not None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
