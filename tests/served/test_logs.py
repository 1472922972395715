"""Logs of the real Apache: one request id in all of them, text and JSON, rotation under load."""

import contextlib
import fcntl
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import psutil
import pytest
from serving import Project, ask, patience, running, wait_for
from test_background import Service
from written_logs import contents, strict

MB = 1024 * 1024


VIEWS = """

import logging
import sys
import threading
import warnings


@bp.post("/log")
def log() -> str:
    for level, message in request.get_json():
        current_app.logger.log(logging.getLevelName(level), "%s", message)
    return "logged"


@bp.get("/numbered/<int:first>")
def numbered(first: int) -> str:
    for number in range(first, first + 10):
        current_app.logger.warning("numbered %d %s", number, "é" * 20_000)
    return "logged"


@bp.get("/elsewhere")
def elsewhere() -> Any:
    thread = threading.Thread(target=logging.getLogger("a.thread").warning, args=["in a thread"])
    thread.start()
    thread.join()

    def answer() -> Any:
        current_app.logger.warning("while it is sent")
        yield "sent"

    warnings.warn("old news")
    print("printed 'é' \\\\ \\x1b")
    os.write(2, b'raw \\xff "\\n{"time": 1}\\n')
    return current_app.response_class(stream_with_context(answer()))
"""
IMPORT = "from flask import stream_with_context\n\n"


class Logging(Service):
    """A project in the background, and its logs."""

    def log(self, name: str) -> Path:
        return self.project.path / "var" / "log" / f"{name}.log"

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [strict(line) for line in contents(self.log(name))]

    def find(self, name: str, count: int = 1, **fields: Any) -> list[dict[str, Any]]:
        """Wait for so many lines that have these fields."""

        def found() -> list[dict[str, Any]]:
            lines = [line for line in self.lines(name) if fields.items() <= line.items()]
            return lines if len(lines) >= count else []

        return list(wait_for(found, 10, f"{fields} in {name}.log"))

    def writer(self) -> psutil.Process:
        """What writes the logs; its parent has the same command line."""
        folder = str(self.log("x").parent)
        everyone = psutil.process_iter(["cmdline"])
        ours = [one for one in everyone if folder in (one.info["cmdline"] or [])]
        (writer,) = (one for one in ours if one.parent() in ours)
        return writer

    def say(self, *messages: tuple[str, str]) -> None:
        say(self.url, *messages)


def say(url: str, *messages: tuple[str, str]) -> None:
    """Have the application log these levels and messages."""
    body = json.dumps(messages).encode()
    request = Request(f"{url}/log", body, {"Content-Type": "application/json"})
    urlopen(request, timeout=20 * patience()).close()


@contextlib.contextmanager
def talking(project: Project) -> Iterator[None]:
    """With views that log."""
    views = project.package / "views.py"
    before = views.read_text("utf-8")
    if "/boom" not in before:
        project.add_views()
    views.write_text(IMPORT + views.read_text("utf-8") + VIEWS, "utf-8")
    try:
        yield
    finally:
        views.write_text(before, "utf-8")


JSON = {"LOG_FORMAT": "json", "LOG_LEVEL": "debug", "LOG_SIZE_MB": "1", "LOG_COUNT": "6"}


@pytest.fixture(scope="module")
def server(changed: Project) -> Iterator[Logging]:
    """In the background, with JSON logs of its own."""
    service = Logging(changed)
    for file in service.log("x").parent.glob("*.log*"):
        file.unlink()
    with talking(changed):
        started = service.run("start", **JSON)
        assert started.returncode == 0, started.stderr
        yield service
        service.run("stop")


@pytest.fixture(scope="module")
def other(project: Project) -> Iterator[Project]:
    """For the foreground."""
    with talking(project):
        yield project


@pytest.mark.slow
def test_one_id_joins_access_log_application_log_error_page_and_header(server: Logging) -> None:
    answer = ask(f"{server.url}/boom", Accept="application/json")
    request_id = answer.headers["X-Request-ID"]
    assert json.loads(answer.text)["request_id"] == request_id
    (access,) = server.find("access", request_id=request_id)
    assert (access["method"], access["url"], access["status"]) == ("GET", "/boom", 500)
    (error,) = server.find("error", request_id=request_id)
    assert (error["level"], error["logger"]) == ("error", "hello_flask")
    assert error["exception"].endswith("RuntimeError: a detail")
    page = ask(f"{server.url}/nowhere", Accept="text/html")
    assert page.headers["X-Request-ID"] in page.text


@pytest.mark.slow
def test_what_apache_answers_has_an_id_in_header_and_log(server: Logging) -> None:
    for path, status in (("/static/nothing", 404), ("/static/style.css", 200), ("/%00", 404)):
        answer = ask(f"{server.url}{path}")
        request_id = answer.headers["X-Request-ID"]
        (line,) = server.find("access", request_id=request_id)
        assert (answer.status, line["status"], line["url"]) == (status, status, path)


@pytest.mark.slow
def test_an_id_of_the_clients_is_not_taken(server: Logging) -> None:
    assert ask(f"{server.url}/", **{"X-Request-ID": "mine"}).headers["X-Request-ID"] != "mine"


@pytest.mark.slow
def test_levels_arrive_as_levels(server: Logging) -> None:
    levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    server.say(*((level, f"of level {level}") for level in levels))
    for level in levels:
        (line,) = server.find("error", message=f"of level {level}")
        assert line["level"] == level.lower()


@pytest.mark.slow
def test_durations_are_in_microseconds(server: Logging) -> None:
    started = time.monotonic()
    ask(f"{server.url}/slow?seconds=0.2")
    took = (time.monotonic() - started) * 1e6
    (line,) = server.find("access", url="/slow?seconds=0.2")
    # Apache may take a moment more, to write the line, than the client waits for the answer.
    assert 200_000 <= line["microseconds"] <= 10 * took


@pytest.mark.slow
def test_what_is_said_outside_of_logging_and_of_requests(server: Logging) -> None:
    request_id = ask(f"{server.url}/elsewhere").headers["X-Request-ID"]
    (sent,) = server.find("error", message="while it is sent")
    assert sent["request_id"] == request_id
    (thread,) = server.find("error", message="in a thread")
    assert thread["logger"] == "a.thread" and "request_id" not in thread
    (printed,) = server.find("error", message="printed 'é' \\ \x1b")
    assert printed["request_id"] == request_id
    assert (printed["logger"], printed["level"]) == ("stdout", "info")  # no error
    (warned,) = server.find("error", logger="py.warnings")
    assert warned["level"] == "warning" and "old news" in warned["message"]
    (raw,) = server.find("error", message='raw \\xff "')
    assert raw["level"] == "unknown"


# --- Hostile bytes

HOSTILE = [b'"', b"\\", b"\\x", b"'", b"\xff", b"\xc3", b"\xc3\xa9", b"\x1b[31m", b"\x7f", b"%00"]
HOSTILE += [b"%ff", b"\t", b"\r", b"\x00", b"{", b"}", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80", b"]["]
HOSTILE += [b" ", b"a", b"/", b"%", b"%{x}i", b"\x85", b"<script>", b"$(x)", b"\xed\xa0\x80"]


def hostile(chance: random.Random, most: int) -> bytes:
    return b"".join(chance.choices(HOSTILE, k=chance.randrange(most)))


def hostile_request(chance: random.Random) -> bytes:
    method = chance.choice([b"GET", b"GET", b"GET", b"POST", b"FOO", b"\x16\x03\x01", b'G"T'])
    version = chance.choice([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/9", b""])
    long = b"x" * chance.choice([0, 0, 0, 7000, 9000, 20_000])
    headers = {
        b"Host": chance.choice([b"localhost", b"a b", b"\xff"]),
        b"User-Agent": hostile(chance, 12) + long,
        b"Referer": hostile(chance, 12),
        b"X-Request-ID": hostile(chance, 5),
        b"Connection": b"close",
    }
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers.items())
    path = hostile(chance, 12) + b"x" * chance.choice([0] * 9 + [9000])
    return b"%b /%b %b\r\n%b\r\n" % (method, path, version, lines)


def send(url: str, request: bytes) -> bytes:
    """The beginning of the answer, however the server ends the connection."""
    address = "127.0.0.1", int(url.rpartition(":")[2])
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=60) as one:
        one.sendall(request)
        one.shutdown(socket.SHUT_WR)
        return one.recv(9)
    return b""


def any_text(chance: random.Random) -> str:
    """Of every kind of character, but for halves of surrogate pairs by themselves."""
    ranges = [
        (0, 32),
        (32, 127),
        (127, 256),
        (0x2020, 0x2030),
        (0x4E00, 0x4F00),
        (0x1F600, 0x1F650),
    ]
    picked = (chance.randrange(*chance.choice(ranges)) for _ in range(chance.randrange(1, 60)))
    return "".join(map(chr, picked))


def attack(url: str) -> tuple[int, list[str]]:
    """How many hostile requests were answered, and the messages the application logged."""
    chance = random.Random(4)
    requests = [hostile_request(chance) for _ in range(300)]
    messages = [any_text(chance) * chance.choice([1, 1, 1, 300]) for _ in range(100)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda request: send(url, request), requests))
        list(pool.map(lambda message: say(url, ("WARNING", message)), messages))
    return sum(answer.startswith(b"HTTP/1.") for answer in answers), messages


@pytest.mark.slow
def test_every_line_is_json_in_the_background(server: Logging) -> None:
    answered, messages = attack(server.url)
    assert answered > 200
    last = ask(f"{server.url}/?last").headers["X-Request-ID"]
    server.find("access", request_id=last)

    def missing() -> set[str]:
        return set(messages) - {line["message"] for line in server.lines("error")}

    # The two logs come through pipes of their own.
    wait_for(lambda: not missing(), 10, "every message")
    statuses = {line["status"] for line in server.lines("access")}
    assert {200, 400, 404, 414} <= statuses
    agents = "".join(line.get("user_agent", "") for line in server.lines("access"))
    assert "é" in agents and "😀" in agents and "\\xff" in agents


@pytest.mark.slow
def test_every_line_is_json_in_the_foreground(other: Project) -> None:
    """Also Apache's own at its start and end, and those of `./run`."""
    with running(other, env=JSON) as serving:
        _, messages = attack(serving.url)
        ask(f"{serving.url}/elsewhere")
        ask(f"{serving.url}/boom")
        assert serving.stop() == 0
        lines = [strict(line) for line in contents(serving.log_file)]
    said = {line.get("message") for line in lines}
    assert set(messages) <= said
    assert any(str(text).endswith(f" at {serving.url}/") for text in said)


# --- Rotation under load


def is_full(writer: psutil.Process) -> bool:
    """Whether the pipe of the error log takes no more."""
    words = writer.cmdline()
    number = words[words.index("flask_modwsgi.logs.writer") + 2]
    pipe = os.open(f"/proc/{writer.pid}/fd/{number}", os.O_RDONLY | os.O_NONBLOCK)
    try:
        size = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
        (used,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
        return bool(used > 0.9 * size)
    finally:
        os.close(pipe)


@pytest.mark.slow
def test_rotation_under_load_loses_no_line_and_keeps_so_many(server: Logging) -> None:
    """Messages of 40,000 bytes, written by several processes at once."""

    def ask_for(first: int) -> int:
        return ask(f"{server.url}/numbered/{first}").status

    def numbers(lines: list[dict[str, Any]]) -> list[int]:
        said = [re.fullmatch(r"numbered (\d+) é{20000}", line.get("message", "")) for line in lines]
        return sorted(int(match[1]) for match in said if match)

    followed = server.project.path.parent / "followed.log"
    with followed.open("wb") as output:
        follower = subprocess.Popen(
            ["./run", "logs", "-f", "-n", "0"], cwd=server.project.path, stdout=output
        )
    try:
        wait_for(lambda: ask_for(1000) and followed.stat().st_size, 10, "a line that is followed")
        # The pipe gets full, which is when long lines of several processes would mix.
        writer = server.writer()
        writer.suspend()
        try:
            with ThreadPoolExecutor(8) as pool:
                answers = pool.map(ask_for, range(0, 100, 10))
                wait_for(lambda: is_full(writer), 20, "a full pipe")
                writer.resume()
                assert set(answers) == {200}
        finally:
            writer.resume()

        def is_written() -> bool:
            seen = [number for number in numbers(server.lines("error")) if number < 1000]
            return seen == list(range(100))

        wait_for(is_written, 20, "every line in the files, once")
        assert Path(f"{server.log('error')}.3").exists()

        def is_complete() -> bool:
            lines = followed.read_bytes().rpartition(b"\n")[0].splitlines()
            shown = numbers([strict(line) for line in lines])
            return [number for number in shown if number < 1000] == list(range(100))

        wait_for(is_complete, 10, "every line, once")
    finally:
        follower.terminate()
        follower.wait(timeout=10 * patience())
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask_for, range(2000, 2200, 10))) == {200}
    # Behind all that was logged before; from then on no file changes its name.
    server.say(("WARNING", "the last line"))
    server.find("error", message="the last line")
    names = {f"error.log{suffix}" for suffix in ("", *(f".{n}" for n in range(1, 7)))}
    folder = server.log("error").parent
    assert {file.name for file in folder.glob("error*")} == names
    assert 2199 in numbers(server.lines("error"))
    assert all(file.stat().st_size <= MB for file in folder.glob("[!.]*"))
    shown = server.run("logs", "-n", "3")
    assert len([strict(line.encode()) for line in shown.stdout.splitlines()]) == 3


@pytest.mark.slow
def test_verbs_read_json_and_what_was_put_aside(server: Logging) -> None:
    server.say(("ERROR", "a cause \x1b[2J"))
    server.find("error", message="a cause \x1b[2J")
    server.log("error").rename(f"{server.log('error')}.1")
    assert re.search(r"1 x  last .*  a cause \\x1b\[2J\n", server.run("logs", "--errors").stdout)
    assert "a cause" in server.run("logs", "-n", "5").stdout
    assert any("a cause" in error for error in server.status()["errors"])


@pytest.mark.slow
def test_a_killed_writer_is_replaced_and_loses_nothing(server: Logging) -> None:
    killed = server.writer()
    killed.kill()
    server.say(("WARNING", "after the kill"))
    server.find("error", message="after the kill")
    assert server.writer() != killed


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows who reads a pipe")
def test_the_end_of_the_writer_and_of_what_replaces_it_is_told(server: Logging) -> None:
    writer = server.writer()
    for process in (*writer.parents()[:1], writer):
        process.kill()
    told = "The process that writes the logs was killed. Type ./run restart"
    try:
        wait_for(lambda: told in server.status()["notes"], 10, "the note")
        assert told in server.run("reload", **JSON).stderr
    finally:
        restarted = server.run("restart", **JSON)
    assert restarted.returncode == 0
    assert told not in server.status()["notes"]


@pytest.mark.slow
def test_a_writer_that_stands_still_stops_no_request(server: Logging) -> None:
    """Lines are lost, which the log says, and it goes on."""
    stalled = server.writer()
    stalled.suspend()
    with ThreadPoolExecutor(8) as pool:
        numbers = range(3000, 3020, 10)  # twice what the pipe takes
        answers = pool.map(lambda number: ask(f"{server.url}/numbered/{number}").status, numbers)
        assert set(answers) == {200}
    wait_for(lambda: not stalled.is_running(), 10, "the end of the writer")
    server.say(("WARNING", "after the stall"))
    server.find("error", message="after the stall")
    said = [line.get("message", "") for line in server.lines("error")]
    assert any(re.fullmatch(r"\d+ bytes of this log could not be written", one) for one in said)
    assert server.writer() != stalled


# --- Text, which is the default


@pytest.mark.slow
def test_the_default_is_text_for_people(other: Project) -> None:
    with running(other) as serving:
        say(serving.url, ("INFO", "said é"), ("DEBUG", "not said"))
        request_id = ask(f"{serving.url}/elsewhere").headers["X-Request-ID"]
        ask(f"{serving.url}/boom")
        moment = r"^\[20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} [+-]\d{4}\]"
        for pattern in (
            rf"{moment} \[hello_flask:info\] \[pid \d+\] \[id \S+\] said é$",
            rf"{moment} \[hello_flask:warning\] \[pid \d+\] \[id {request_id}\] while it is sent$",
            rf"{moment} \[a\.thread:warning\] \[pid \d+\] in a thread$",
            rf"{moment} \[stdout:info\] \[pid \d+\] \[id {request_id}\] printed 'é?",
            rf"{moment} \[hello_flask:error\] .* RuntimeError: a detail$",
            # Four bytes; in daemon mode, a stream comes to Apache in chunks.
            r'^127\.0\.0\.1 - - \[.*\] "GET /elsewhere HTTP/1\.1" 200 1?4 "-" "Python-urllib/\S+" '
            rf"\d+ {request_id}$",
        ):
            is_there = re.compile(pattern, re.MULTILINE).search
            wait_for(lambda found=is_there: found(serving.log), 5, pattern)  # type: ignore[misc]
        assert "not said" not in serving.log


# A time of day, and the offset that may be behind it.
TIMED = re.compile(r"(?<!\d)\d\d:\d\d:\d\d(?:\.\d+)?(?: ?([+-]\d\d:?\d\d))?")


def offsets(text: str) -> set[str]:
    """Of the first time in each line; empty for a time that has none."""
    found = filter(None, map(TIMED.search, text.splitlines()))
    return {(match[1] or "").replace(":", "") for match in found}


def with_text(log: Path, part: str) -> str:
    """What is in a log, as soon as this is."""

    def found() -> str:
        text = log.read_text("utf-8") if log.exists() else ""
        return text if part in text else ""

    return str(wait_for(found, 10, f"{part} in {log.name}"))


@pytest.mark.slow
@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_one_zone_in_all_logs_and_verbs(
    other: Project, zone: str, style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Always with its offset, whoever wrote the line."""
    monkeypatch.delenv("TZ", raising=False)
    right = datetime.now(ZoneInfo(zone)).strftime("%z")
    service = Logging(other)
    for file in service.log("x").parent.glob("*.log*"):
        file.unlink()
    env_file = other.path / ".env"
    before = env_file.read_text("utf-8")
    env_file.write_text(f"{before}\nTZ={zone}\n", "utf-8")
    try:
        started = service.run("start", LOG_FORMAT=style)
        assert started.returncode == 0, started.stderr
        assert ask(f"{service.url}/boom").status == 500
        logs = {
            "access": with_text(service.log("access"), "/boom"),
            "error": with_text(service.log("error"), "RuntimeError: a detail"),
        }
        assert re.search(r'\[mpm_\w+:|"logger": "mpm_', logs["error"])  # Apache itself
        verbs = ("status", "logs", "logs --errors", "explain")
        shown = {verb: service.run(*verb.split()).stdout for verb in verbs}
        found = {name: offsets(text) for name, text in (logs | shown).items()}
        assert found == {name: {right} for name in found}
    finally:
        service.run("stop")
        env_file.write_text(before, "utf-8")


@pytest.mark.slow
def test_a_start_that_fails_shows_the_log(other: Project) -> None:
    views = other.package / "views.py"
    before = views.read_text("utf-8")
    slow = """

if "mod_wsgi" in sys.modules:
    logging.warning("loading é")
    time.sleep(60)
"""
    views.write_text(before + slow, "utf-8")
    # Less than it sleeps, and enough to try it before.
    env = {"LOG_FORMAT": "json", "START_LIMIT": "30", "STOP_LIMIT": "0"}
    try:
        failed = Logging(other).run("start", **env)
    finally:
        views.write_text(before, "utf-8")
    assert failed.returncode == 1
    assert "\n  | loading é\n" in failed.stderr


@pytest.mark.slow
def test_a_reload_takes_another_level(server: Logging) -> None:
    server.say(("DEBUG", "one"))
    assert server.run("reload", **JSON | {"LOG_LEVEL": "error"}).returncode == 0
    server.say(("DEBUG", "two"), ("WARNING", "three"), ("ERROR", "four"))
    server.find("error", message="four")
    said = [line["message"] for line in server.lines("error")]
    assert "one" in said and not {"two", "three"} & set(said)
