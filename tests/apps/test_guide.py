"""docs/your-application.md: its applications are made, its commands run, as they stand there."""

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, copy_template
from documented import blocks, follow, shell
from pinned import pinned
from serving import free_port, wait_for

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/your-application.md").read_text("utf-8")
SECTIONS = {
    title: blocks(text)
    for title, text in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE)
}
COMMAND = SECTIONS.pop("The command")
APPLICATIONS = {title: found for title, found in SECTIONS.items() if found}


@pytest.fixture(scope="module")
def command(workplace: Path, wheel: Path) -> str:
    """The first commands of the page, for a clone."""
    clone = workplace / "clone"
    clone.mkdir()
    copy_template(clone)
    (block,) = COMMAND
    return block.text.replace("PATH_OF_THE_CLONE", str(clone))


def listed(text: str, folder: Path) -> str:
    """A block of the page; if it is a list of packages, with what pins them in `folder`."""
    if not text.startswith("# requirements.txt\n"):
        return text
    files = pinned(text)
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
    return files["requirements.txt"]


@pytest.mark.parametrize("title", APPLICATIONS)
def test_an_application_of_the_guide(workplace: Path, command: str, title: str) -> None:
    folder = workplace / re.sub(r"\W+", "-", title.lower())
    folder.mkdir()
    port = str(free_port())

    def at_night(text: str) -> None:
        words = text.split(maxsplit=5)[-1].replace("/srv/shop", str(folder))
        assert "Removed 1\n" in shell(folder, words, PORT=port)

    def a_worker_gets_ready(text: str) -> None:
        (words,) = re.findall("ExecStart=(.+)", text)
        log = folder.with_suffix(".log")
        with log.open("wb") as output:
            worker = subprocess.Popen(
                shlex.split(words.replace("/srv/shop", str(folder))),
                cwd="/",
                env=os.environ | {"BROKER": "memory://"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            wait_for(
                lambda: worker.poll() is not None or " ready." in log.read_text(), 30, "a worker"
            )
            assert worker.poll() is None, log.read_text()
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(timeout=60)
        assert "MainProcess" in log.read_text()

    page = [
        block._replace(text=listed(block.text.replace(":8000", f":{port}"), folder))
        for block in APPLICATIONS[title]
    ]
    listed("# requirements.txt\nFlask\n", folder)
    others = {"cron": at_night, "ini": a_worker_gets_ready}
    try:
        follow(page, folder, command, others, PORT=port)
    finally:
        if (folder / "run").exists():
            subprocess.run([folder / "run", "stop"], capture_output=True)
