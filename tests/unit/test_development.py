"""What ``./run dev`` watches, and does when it is saved; Apache is not started here."""

import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from samples import project

from flask_modwsgi import problems
from flask_modwsgi.apache import modes, processes
from flask_modwsgi.config import time_zone
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.machine import process_table
from flask_modwsgi.machine.process_table import Process
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import foreground, import_check, launch

SYSTEM = subprocess.check_output(["date", "+%z"], env={"PATH": os.defpath}, text=True).strip()


def seen(*places: Path) -> set[str]:
    """The names of the files that are watched."""
    return {file.name for file, *_ in foreground._files(places)}


def test_a_folder_may_disappear_while_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when git checks out a branch, or a build cleans its folder."""
    dist = tmp_path / "static" / "dist"
    dist.mkdir(parents=True)
    (dist / "data.py").touch()
    (tmp_path / "views.py").touch()
    list_folder = os.scandir

    def scandir(path: Any) -> Any:
        if str(path) == str(dist):
            shutil.move(dist, tmp_path.with_name("elsewhere"))
        return list_folder(path)

    assert seen(tmp_path) == {"views.py", "data.py"}
    monkeypatch.setattr(os, "scandir", scandir)
    assert seen(tmp_path) == {"views.py"}
    assert not dist.exists()


def test_files_of_the_application_are_watched_but_none_of_its_packages(tmp_path: Path) -> None:
    for folder in ("templates", "tests", "node_modules/large", ".cache", "environment"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{Path(folder).name}.py").touch()
    (tmp_path / "environment" / "pyvenv.cfg").touch()
    for name in (
        "photo.png",
        "data.json",
        "plot.html",
        "error.html",
    ):  # a view may write the first three
        (tmp_path / "templates" / name).touch()
    assert seen(tmp_path, tmp_path / "absent") == {"templates.py", "tests.py", "error.html"}


def test_what_the_page_for_errors_extends_is_watched(tmp_path: Path) -> None:
    sources = {
        "error.html": "{%- extends 'base/layout.html' %}\n{% include \"absent.html\" %}",
        "base/layout.html": '{%from "icons.html" import icon%}{% include name %}',
        "icons.html": '{% extends "error.html" %}{% import "../nul\0l.html" as it %}',
        "index.html": '{% extends "base/layout.html" %}',
    }
    (tmp_path / "base").mkdir()
    for name, source in sources.items():
        (tmp_path / name).write_text(source)
    assert seen(tmp_path) == {"error.html", "layout.html", "icons.html"}


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, "0.py"), (3, "0.py, 1.py, 2.py"), (500, "0.py, 1.py, 2.py and 497 more")],
)
def test_of_many_saved_files_some_are_named(tmp_path: Path, count: int, expected: str) -> None:
    saved = [tmp_path / f"{number}.py" for number in range(count)]
    assert foreground._named(saved, Project(tmp_path)) == expected


def test_the_page_for_errors_of_a_single_file_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = project(tmp_path)
    with (tmp_path / "pyproject.toml").open("a") as file:
        file.write('package = "app.py"\n')
    (tmp_path / "templates").mkdir()
    for name in ("app.py", "templates/error.html", "templates/index.html"):
        (tmp_path / name).touch()
    found: set[str] = set()

    def serve(make: Any, watched: Any, grace: float) -> int:
        found.update(seen(*watched()))
        return 0

    monkeypatch.setenv("FLASK_DEBUG", "1")  # develop sets it
    monkeypatch.setattr(foreground, "_serve", serve)
    foreground.develop(served, {})
    assert found == {"app.py", "error.html"}


@pytest.fixture
def zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What each start is given as TZ, and the offset of this process at that time."""
    found: list[str] = []

    def collect(started: Project, *_: object, **options: object) -> Any:
        zone = Facts(started).variables.get("TZ", "none")
        found.append(f"{zone} {time.strftime('%z')}")

    monkeypatch.setenv("FLASK_DEBUG", "1")  # develop sets it
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(launch, "collect", collect)
    monkeypatch.setattr(import_check, "ask_application", lambda site, given_up: site)
    monkeypatch.setattr(foreground, "Httpd", lambda site, brief: site)
    yield found
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ["Asia/Kolkata +0530", "Africa/Nairobi +0300", f"none {SYSTEM}"]),
        ("Asia/Tokyo", ["Asia/Tokyo +0900"] * 3),
    ],
)
def test_a_time_zone_that_is_saved_in_env_is_taken(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    zones: list[str],
    given: str | None,
    expected: list[str],
) -> None:
    served = project(tmp_path)
    if given:
        monkeypatch.setenv("TZ", given)
        time.tzset()
    else:
        monkeypatch.delenv("TZ")
    monkeypatch.setattr(time_zone, "_GIVEN", given)

    def serve(make: Any, *_: object, **options: object) -> int:
        for text in ("TZ=Asia/Kolkata\n", "TZ=Africa/Nairobi\n", ""):
            served.env_file.write_text(text)
            make(threading.Event())
        return 0

    monkeypatch.setattr(foreground, "_serve", serve)
    foreground.develop(served, {})
    assert zones == expected
    served.env_file.write_text("TZ=Asia/Kolkata\n")
    time_zone.take(served)
    time_zone.give_back()  # the program that takes its place is given what this one was
    assert os.environ.get("TZ") == given


class Crashing:
    """A server whose application dies again and again as long as its file says so."""

    def __init__(self, served: Project, source: Path, acts: list[str]) -> None:
        self.site = SimpleNamespace(
            is_development=True, project=served, root=served.var, address=""
        )
        self.is_running = self.was_stopped = False
        self.process: object = None
        self._source, self._acts = source, acts

    def rehearse(self, running: Any) -> None:
        if "no address" in self._source.read_text():
            raise problems.address_unusable("198.51.100.7", "not of this machine", "HOST")

    def start(self, given_up: Callable[[], bool]) -> None:
        self._acts.append("start")
        if "no port" in self._source.read_text():
            raise problems.port_in_use("127.0.0.1", 8000)
        self.is_running, self.process = True, SimpleNamespace()
        if "at once" in self._source.read_text():
            self.refuse_crash_loop()

    def refuse_crash_loop(self) -> None:
        if "dies" in self._source.read_text():
            self.is_running = False
            raise problems.app_exits("exits with status 5", "")

    def kill(self) -> None:
        self.is_running = False

    def stop(self, grace: float | None) -> None:
        self._acts.append("stop")


def saving(texts: Iterable[str], file: Path, told: list[str]) -> type[threading.Event]:
    """An event at whose waits the texts are saved, one after the other; it is set after the last one.

    :param told: Gets a line for each; an empty text is not saved.
    """
    left = iter(texts)

    class Saved(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            text = next(left, None)
            if text is None:
                self.set()
            elif text:
                file.write_text(text)
                told.append(f"save {text}")
            return self.is_set()

    return Saved


def test_code_that_dies_again_and_again_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The problem is told once for each server that was started, and the next save starts another."""
    served, source = project(tmp_path), tmp_path / "app.py"
    source.write_text("good")
    texts = ["good, too", "dies", "", "", "dies at once", "", "good again"]
    acts: list[str] = []
    monkeypatch.setattr(foreground, "_stop_requested", saving(texts, source, acts))
    monkeypatch.setattr(foreground, "say_where", lambda server: None)
    monkeypatch.setattr(foreground, "_reload", lambda root: acts.append("reload"))
    monkeypatch.setattr(Crashing, "log_style", "json", raising=False)
    code = foreground._serve(
        lambda stop: Crashing(served, source, acts),  # type: ignore[arg-type, return-value]
        lambda: [source],
        grace=0,
    )
    assert code == 0
    expected = ["start", "save good, too", "reload", "save dies", "start", "save dies at once"]
    assert acts == [*expected, "start", "save good again", "start", "stop"]
    assert capfd.readouterr().err.count("Problem  app-exits") == 3


@pytest.mark.parametrize("first", ["dies at once", "no port"])
def test_of_a_first_start_only_code_that_dies_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], first: str
) -> None:
    """No file that is saved makes a port free."""
    served, source = project(tmp_path), tmp_path / "app.py"
    source.write_text(first)
    acts: list[str] = []

    class Saved(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if acts == ["start", "start"]:
                self.set()
            source.write_text("is good")
            return self.is_set()

    monkeypatch.setattr(foreground, "_stop_requested", Saved)
    monkeypatch.setattr(foreground, "say_where", lambda server: None)
    monkeypatch.setattr(Crashing, "log_style", "json", raising=False)

    def serve() -> int:
        return foreground._serve(
            lambda stop: Crashing(served, source, acts),  # type: ignore[arg-type, return-value]
            lambda: [source],
            grace=0,
        )

    if first == "no port":
        with pytest.raises(Problem, match="8000"):
            serve()
        assert acts == ["start", "stop"]
    else:
        assert serve() == 0
        assert acts == ["start", "start", "stop"]
        assert capfd.readouterr().err.count("Problem  app-exits") == 1


def test_a_saved_address_that_cannot_be_had_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    served = project(tmp_path)
    acts: list[str] = []
    served.env_file.write_text("")
    saved = saving(["# no address", "", "# good"], served.env_file, told=[])
    monkeypatch.setattr(foreground, "_stop_requested", saved)
    monkeypatch.setattr(foreground, "say_where", lambda server: None)
    monkeypatch.setattr(Crashing, "log_style", "json", raising=False)
    code = foreground._serve(
        lambda stop: Crashing(served, served.env_file, acts),  # type: ignore[arg-type, return-value]
        lambda: [served.env_file],
        grace=0,
    )
    assert (code, acts) == (0, ["start", "stop", "start", "stop"])
    told = capfd.readouterr().err
    assert "Problem  address-unusable" in told
    assert "nothing was restarted" in told


def test_a_second_signal_during_the_start_after_a_crash_loop_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server was started, although its address was not printed yet."""
    served, source = project(tmp_path), tmp_path / "app.py"
    source.write_text("dies")
    waits, acts = itertools.count(), list[str]()

    class Saved(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if next(waits):
                source.write_text("is mended")
            return self.is_set()

    def say_where(server: Any) -> None:
        if acts == ["start", "start"]:
            raise KeyboardInterrupt

    monkeypatch.setattr(foreground, "_stop_requested", Saved)
    monkeypatch.setattr(foreground, "say_where", say_where)
    monkeypatch.setattr(Crashing, "log_style", "json", raising=False)
    with pytest.raises(KeyboardInterrupt):
        foreground._serve(
            lambda stop: Crashing(served, source, acts),  # type: ignore[arg-type, return-value]
            lambda: [source],
            grace=0,
        )
    assert acts == ["start", "start", "stop"]


@pytest.mark.parametrize("saved", [".env", "app.py"])
def test_what_is_said_where_a_start_is_refused_depends_on_what_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], saved: str
) -> None:
    """After a crash loop any file is waited for, and the mistake may be in none of them."""
    served, source = project(tmp_path), tmp_path / "app.py"
    source.write_text("dies")
    made: list[Any] = []

    class Saved(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if len(made) == 2:
                self.set()
            (tmp_path / saved).write_text("# it dies")
            return self.is_set()

    def make(stop: threading.Event) -> Any:
        made.append(stop)
        if len(made) == 1:
            return Crashing(served, source, [])
        raise problems.app_exits("exits with status 5", "")

    monkeypatch.setattr(foreground, "_stop_requested", Saved)
    monkeypatch.setattr(foreground, "say_where", lambda server: None)
    monkeypatch.setattr(Crashing, "log_style", "json", raising=False)
    foreground._serve(make, lambda: [source, served.env_file], grace=0)
    told = capfd.readouterr().err.splitlines()
    expected = {
        ".env": "nothing was restarted; correct .env and save it again",
        "app.py": "the next saved file starts it again; Ctrl-C ends ./run dev",
    }
    assert told[-1].endswith(expected[saved])


@pytest.mark.parametrize("mode", ["daemon", "embedded"])
def test_a_process_that_still_loads_is_ended_at_a_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Perhaps its import hangs. Apache itself never is, and what was ended so is no crash."""
    parent, ready, loading = (
        Process(pid, "", 1, 1, 0, ("apache2",), 0.0, 0, 0.0) for pid in (1, 2, 3)
    )
    sent: list[tuple[int, int]] = []
    (tmp_path / "environment.json").write_text("{}")
    os.utime(tmp_path / "environment.json", (1, 1))
    steps = modes.of(mode).steps(parent, [ready, loading])
    monkeypatch.setattr(processes, "steps", lambda root: steps)
    monkeypatch.setattr(processes, "is_ready", lambda one, root: one == ready)
    monkeypatch.setattr(process_table, "send", lambda one, number: sent.append((one.pid, number)))
    foreground._reload(tmp_path)
    asked = {"daemon": 2, "embedded": 1}[mode]
    assert sorted(sent) == sorted([(asked, modes.REPLACE), (3, signal.SIGKILL)])
    assert (tmp_path / "environment.json").stat().st_mtime > 1
