"""A page in Chromium, behind Apache and under `flask run`: what its console says of both."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from browser import Shown, browse
from serving import Project, Running, ask, free_port, patience, wait_for

CONSOLE = re.compile(r"^\[.*?:CONSOLE[^\]]*\] ")


def shown_as_elsewhere(
    project: Project,
    server: Running,
    path: str = "/",
    app: str = "app",
    visit: Callable[[str], Shown] = browse,
) -> str:
    """The page behind Apache. Its console says nothing that it does not say under `flask run`, too.

    :param app: What `flask --app` takes.
    :param visit: Loads the page of an address.
    """
    here = visit(server.url + path)
    with flask_run(project, app) as url:
        there = visit(url + path)
    new = said(here, server.url) - said(there, url)
    assert not new, f"only behind Apache: {new}"
    return here.page


def said(shown: Shown, url: str) -> set[str]:
    return {CONSOLE.sub("", message).replace(url, "") for message in shown.messages}


@contextmanager
def flask_run(project: Project, app: str) -> Iterator[str]:
    """The address of the same application, with the same environment, under `flask run`."""
    port = str(free_port())
    log_file = project.path.parent / f"{project.path.name}-flask-run.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            ["./run", "exec", "--", "flask", "--app", app, "run", "--port", port],
            cwd=project.path,
            env=os.environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, log_file.read_text()
        try:
            return bool(ask(f"{url}/").status)
        except OSError:
            return False

    try:
        wait_for(answers, 30, "flask run")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30 * patience())
