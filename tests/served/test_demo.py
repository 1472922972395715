"""`make demo` in a clone of this repository."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, copy_template
from serving import ask, free_port, patience, survivors, wait_for


def answers(address: str) -> bool:
    try:
        return ask(address).status == 200
    except OSError:
        return False


@pytest.mark.slow
def test_make_demo(workplace: Path, home: Path, kind: str) -> None:
    """In a clone: it shows the page and its address, serves on, and Ctrl-C ends all of it."""
    clone = copy_template(workplace / "clone")
    before = set(clone.glob("*"))
    temporary = workplace / "temporary"
    temporary.mkdir()
    temporary.chmod(0o755)
    env = os.environ | {"TMPDIR": str(temporary), "PORT": str(free_port())}
    env |= {} if kind == "system" else {"APXS": "/nonexistent"}
    log = workplace / "demo.log"
    with log.open("wb") as output:
        demo = subprocess.Popen(
            ["make", "demo"],
            cwd=clone,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(lambda: "That is http" in log.read_text() or demo.poll(), 300, "the page")
        text = log.read_text()
        assert "<h1>Hello, I love Flask!</h1>" in text
        address = re.findall(r"^That is (\S+),", text, re.MULTILINE)[0]
        assert ask(address).status == 200
        assert list(temporary.glob("flask-modwsgi-demo-*/hello-flask/run"))
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        demo.wait(timeout=30 * patience())
    wait_for(lambda: not answers(address), 20, "Apache to end")
    assert list(temporary.iterdir()) == []
    assert set(clone.glob("*")) == before | {clone / ".venv"}


# Ends before what it has started, as cookiecutter does at Ctrl-C.
COOKIECUTTER = """
import os, subprocess, sys
late = "import os, time\\nwhile os.getppid() == {}: time.sleep(1)\\nopen('late', 'w')"
subprocess.Popen([sys.executable, "-c", late.format(os.getpid())], cwd=os.environ["TMPDIR"])
sys.exit(1)
"""
DEMO = """
import demo, os, pathlib, sys
demo.LAST_SECONDS = 600
try:
    demo.generate(pathlib.Path(sys.argv[1]))
finally:
    print(os.listdir(sys.argv[1] + "/cookiecutter"))
"""


def test_demo_waits_for_what_still_writes(tmp_path: Path) -> None:
    (tmp_path / "cookiecutter.py").write_text(COOKIECUTTER)
    done = subprocess.run(
        [sys.executable, "-c", DEMO, tmp_path],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "'late'" in done.stdout
    assert (done.returncode, done.stderr.partition(",")[0]) == (1, "The demo ends here")


@pytest.mark.slow
def test_demo_is_interrupted_while_it_builds(workplace: Path) -> None:
    """Ctrl-C leaves nothing behind and no process at work, here in the middle of setup."""
    temporary = workplace / "interrupted"
    temporary.mkdir()
    temporary.chmod(0o755)
    log = workplace / "interrupted.log"
    with log.open("wb") as output:
        demo = subprocess.Popen(
            [sys.executable, ROOT / "demo.py"],
            env=os.environ | {"TMPDIR": str(temporary), "XDG_CACHE_HOME": str(temporary / "c")},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    wait_for(lambda: "Python  " in log.read_text() or demo.poll(), 60, "setup")
    family = psutil.Process(demo.pid).children(recursive=True)
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait(timeout=30 * patience()) == 1
    assert survivors(family, 5) == []
    assert "Traceback" not in log.read_text()
    assert list(temporary.glob("flask-modwsgi-demo-*")) == []
