"""Releases in folders of their own, of which a link leads to the one in use."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from load import load
from serving import Project, ask, free_port, path_with_uv, wait_for

from flask_modwsgi.apache import processes, state

# In embedded mode a reload may close idle connections.
pytestmark = [pytest.mark.slow, pytest.mark.daemon_mode]

PAGE = 'return render_template("index.html", served_by=served_by())'
# What the application writes, in the folder that Flask gives it.
KEPT = """

@bp.get("/keep/<text>")
def keep(text: str) -> str:
    _kept().write_text(text, "utf-8")
    return text


@bp.get("/kept")
def kept() -> str:
    return _kept().read_text("utf-8")


def _kept():
    from pathlib import Path

    from flask import current_app

    return Path(current_app.instance_path) / "kept"
"""
GUIDE = (ROOT / "docs/guide/releases.md").read_text("utf-8")
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def place(workplace: Path, project: Project) -> Iterator[Path]:
    """A folder for releases, and a repository that has three of them; the third cannot be loaded."""
    folder = workplace / "releases"
    source = folder / "blog.git"
    ignored = shutil.ignore_patterns(".venv", "var", ".env", "instance", "__pycache__")
    shutil.copytree(project.path, source, ignore=ignored)
    views = source / "hello_flask" / "views.py"
    views.write_text(views.read_text() + KEPT)
    for number in "123":
        edit(source, number)
        if number == "3":
            views.write_text(f"{views.read_text()}\n1 / 0\n")
        for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", number]):
            own = ("-c", "user.name=You", "-c", "user.email=you@example.com", "-C", str(source))
            subprocess.run(["git", *own, *words], check=True)
        subprocess.run(["git", "-C", str(source), "tag", f"v{number}"], check=True)
    yield folder
    shutil.rmtree(folder)


def edit(release: Path, number: str) -> None:
    """Have the page and a static file say which release it is."""
    views = release / "hello_flask" / "views.py"
    views.write_text(re.sub("return .*", f'return "release {number}"', views.read_text(), count=1))
    (release / "hello_flask" / "static" / "which.txt").write_text(number)


@pytest.fixture
def call(place: Path) -> Iterator[Call]:
    """Type a command in that folder."""
    port = str(free_port())
    env = os.environ | {"PORT": port, "PATH": path_with_uv()}

    def call(line: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, shell=True, cwd=place, env=env | more, capture_output=True, text=True, timeout=600
        )

    call.url = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
    yield call
    call("current/run stop")


def done(call: Call, line: str) -> str:
    finished = call(line)
    assert finished.returncode == 0, (line, finished.stdout, finished.stderr)
    return finished.stdout + finished.stderr


def served(url: str) -> tuple[str, str]:
    return ask(f"{url}/").text, ask(f"{url}/static/which.txt").text


def blocks(place: Path) -> list[str]:
    """The commands of the guide: for the first release, the next one, and to go back."""
    return [
        block.replace("https://git.example.com/blog.git", str(place / "blog.git")).replace(
            "/srv/blog", str(place)
        )
        for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    ]


def test_the_guide(place: Path, call: Call) -> None:
    """A first release, the next one under load, the way back, and away with one that is not in use.

    And one that cannot be loaded: what was served is served, also by processes that start then.
    """
    first, following, back = blocks(place)
    broken = following.replace("--branch v2", "--branch v3").replace("releases/2", "releases/3")
    url = call.url  # type: ignore[attr-defined]
    done(call, f"set -e\n{first}")
    assert served(url) == ("release 1", "1")
    secret = (place / ".env").read_text()
    assert ask(f"{url}/keep/words").text == "words"
    with load(url) as record, load(url, "/static/which.txt") as files:
        done(call, f"set -e\n{following}")
        assert served(url) == ("release 2", "2")
        assert ask(f"{url}/kept").text == "words"
        assert "Release   v2" in done(call, "current/run status")
        assert f"written to {place}/var/log/dump-" in done(call, "current/run dump")
        done(call, f"set -e\n{back}")
        assert served(url) == ("release 1", "1")
        assert ask(f"{url}/kept").text == "words"
        done(call, "ln -s releases/2 next && mv -T next current && current/run reload")
        shutil.rmtree(place / "releases" / "1")
        done(call, "current/run reload")  # Apache itself was started from what is gone
        assert served(url) == ("release 2", "2")
        *before, setup, switch = broken.splitlines()
        done(call, "\n".join(["set -e", *before]))
        for step in (setup, switch):
            failed = call(step)
            assert failed.returncode != 0, failed.stdout
            assert "ZeroDivisionError" in failed.stdout + failed.stderr
            assert served(url) == ("release 2", "2")
    assert record.answered > 50
    assert record.failures + files.failures == []
    root = place / "var" / "apache"
    killed = processes.workers(root)
    for worker in killed:
        os.kill(worker.pid, signal.SIGKILL)
    wait_for(lambda: not set(killed) & set(processes.workers(root)), 20, "their end")
    wait_for(lambda: ask(f"{url}/").status == 200, 60, "the answer of another process")
    assert served(url) == ("release 2", "2")
    done(call, back.replace("releases/1", "releases/2"))
    assert (place / ".env").read_text() == secret
    done(call, "current/run restart")
    assert served(url) == ("release 2", "2")


def test_a_crash_loop_of_a_later_release_is_ended(place: Path, call: Call) -> None:
    """The process that sees it was started from a release that is gone."""
    first, following, _ = blocks(place)
    done(call, f"set -e\n{first}{following}")
    shutil.rmtree(place / "releases" / "1")
    with (place / "releases" / "2" / "hello_flask.wsgi").open("a") as wsgi:
        wsgi.write('\nif "mod_wsgi" in sys.modules:\n    import os\n    os._exit(5)\n')
    root = place / "var" / "apache"
    for worker in processes.workers(root):
        os.kill(worker.pid, signal.SIGKILL)
    wait_for(lambda: state.read(root).stopped, 60, "the look at the loop")
    wait_for(lambda: not processes.apache(root), 30, "the end of the server")
    assert "processes died again and again" in " ".join(call("current/run status").stdout.split())
    assert os.listdir(place / "releases") == ["2"]


def test_releases_that_share_nothing(place: Path, call: Call) -> None:
    """In both orders; and what cannot be loaded leaves the one before at work."""
    url = call.url  # type: ignore[attr-defined]
    for number in "12":
        done(call, f"git clone -q --branch v{number} blog.git releases/{number}")
        done(call, f"releases/{number}/run setup --no-dev")
    move = "ln -s releases/{} next && mv -T next current"
    for one, other in ("12", "21"):
        done(call, f"{move.format(one)} && current/run start")
        with load(url) as record, load(url, "/static/which.txt") as files:
            done(call, move.format(other))
            assert served(url) == (f"release {one}", one)
            assert f"is served; ./run reload switches to {place}" in " ".join(
                done(call, "current/run status").split()
            )
            for folder in ("current", f"releases/{other}"):
                assert "already running" in done(call, f"{folder}/run start")
            assert "until ./run restart" in done(call, "current/run reload")
            assert served(url) == (f"release {other}", other)
            # A setup keeps the environment that is in use.
            done(call, f"releases/{other}/run setup --no-dev")
            for folder in ("current", "releases/1", "releases/2"):
                assert f"Release   v{other}" in done(call, f"{folder}/run status")
            assert "GET /" in done(call, "current/run logs")
            assert "written to" in done(call, "current/run dump")
            done(call, move.format(one))
            done(call, "current/run reload")
            assert served(url) == (f"release {one}", one)
            views = place / "releases" / other / "hello_flask" / "views.py"
            good = views.read_text()
            views.write_text(f"{good}\n1 / 0\n")
            done(call, move.format(other))
            for verb in ("reload", "restart"):
                refused = call(f"current/run {verb}")
                assert (refused.returncode, "ZeroDivisionError" in refused.stderr) == (1, True)
                assert served(url) == (f"release {one}", one)
            views.write_text(good)
        assert record.answered > 50
        assert record.failures + files.failures == []
        done(call, "current/run restart")
        assert served(url) == (f"release {other}", other)
        assert (place / "releases" / other / "var/apache/httpd.conf").exists()
        assert "stopped" in done(call, "current/run stop")
        assert "not running" in done(call, f"releases/{one}/run stop")
