"""docs/updating.md: a served project gets a newer wheel by the commands of the page, as they stand there."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import serving
from conftest import ROOT, copy_template
from documented import blocks, follow, shell
from serving import ask, free_port

from flask_modwsgi import __version__

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/updating.md").read_text("utf-8")
NEWER = "999.0.0"


def newer_wheel(clone: Path) -> str:
    copy_template(clone)
    written = clone / "src/flask_modwsgi/__init__.py"
    before = written.read_text("utf-8")
    written.write_text(before.replace(f'"{__version__}"', f'"{NEWER}"'), "utf-8")
    printed = shell(clone, "make --no-print-directory wheel", PYTHON=shlex.quote(sys.executable))
    return shlex.quote(str(clone / printed.splitlines()[-1]))


def test_without_cruft(workplace: Path, kind: str) -> None:
    port = free_port()
    project = serving.generate(workplace / "served", f"apache={kind}", f"port={port}")
    section = PAGE.partition("\n## Without cruft\n")[2].partition("\n## ")[0]
    (block,) = [block for block in blocks(section) if "PATH_OF_THE_NEW_WHEEL" in block.text]
    text = block.text.replace("PATH_OF_THE_NEW_WHEEL", newer_wheel(workplace / "clone"))
    try:
        shell(project.path, "./run start")
        follow([block._replace(text=text)], project.path)
        assert NEWER in project.call("./run", "--version").stdout.splitlines()[0]
        assert ask(f"http://127.0.0.1:{port}/").status == 200
    finally:
        subprocess.run([project.path / "run", "stop"], capture_output=True)
