"""The generated project under its real Apache, of both kinds, asked over HTTP."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from serving import (
    Project,
    Running,
    ask,
    free_port,
    patience,
    running,
    starting,
    survivors,
    wait_for,
    with_views,
)

from flask_modwsgi.logs.writer import LOOP_DEATHS
from flask_modwsgi.machine import process_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(project: Project) -> Iterator[Running]:
    with running(project) as serving:
        yield serving


def test_setup_ends_with_what_it_proved(project: Project) -> None:
    *before, versions, next_step, folder = project.output.strip().splitlines()
    ready = " ".join("\n".join(before).rpartition("\nReady ")[2].split())
    assert re.search(r"Apache answered / 200, /health/live 200, /static/\S+ 200$", ready)
    assert re.search(r"Apache 2\.4\.\d+ \((system|bundled)\), mod_wsgi 6\.1\.\d+", versions)
    assert next_step.startswith("Next     ./run ")
    assert folder == f"         in {project.path}"


def test_setup_again_changes_nothing(project: Project) -> None:
    record = project.path / ".venv" / "setup.json"
    before = record.stat().st_mtime_ns, (project.path / ".env").read_text()
    again = project.call("./run", "setup")
    assert again.returncode == 0, again.stderr
    assert "Ready" in again.stdout
    assert (record.stat().st_mtime_ns, (project.path / ".env").read_text()) == before


def test_setup_tells_the_addresses_that_it_asked(project: Project) -> None:
    done = project.call("./run", "setup", MOUNT_POINT="/shop")
    said = " ".join(done.stdout.split())
    assert re.search(r"/shop/ 200, /shop/health/live 200, /shop/static/\S+ 200 ", said)
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_its_own_tests_pass(project: Project) -> None:
    done = project.call(".venv/bin/pytest", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


def test_the_environment_file_is_private_and_its_secret_random(project: Project) -> None:
    file = project.path / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    assert re.search(r"^FLASK_SECRET_KEY=[0-9a-f]{64}$", file.read_text(), re.MULTILINE)


def test_the_page(served: Running) -> None:
    answer = ask(f"{served.url}/")
    assert answer.status == 200
    assert "Hello, I love Flask!" in answer.text
    assert "5 in each process" in answer.text
    assert answer.headers["Server"] == "Apache"


def test_static_files_are_answered_by_apache(served: Running) -> None:
    answer = ask(f"{served.url}/static/style.css")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert answer.headers["Accept-Ranges"] == "bytes"  # which Flask does not send
    assert (
        ask(f"{served.url}/static/icon.svg").headers["Content-Type"]
        == "image/svg+xml; charset=utf-8"
    )


@pytest.mark.parametrize("name", ["live", "ready"])
def test_health(served: Running, name: str) -> None:
    assert ask(f"{served.url}/health/{name}").status == 200


def test_errors_as_html_and_json(served: Running) -> None:
    page = ask(f"{served.url}/nowhere", Accept="text/html")
    assert page.status == 404
    assert "<h1>404 Not Found</h1>" in page.text
    data = ask(f"{served.url}/nowhere", Accept="application/json")
    assert json.loads(data.text)["name"] == "Not Found"


def test_many_requests_at_once(served: Running) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: ask(f"{served.url}/"), range(50)))
    assert [answer.status for answer in answers] == [200] * 50


def test_links_and_hidden_files_in_the_static_folder_stay_inside(
    project: Project, served: Running
) -> None:
    static = project.package / "static"
    (static / ".hidden").write_text("secret")
    (static / "link").symlink_to("/etc/passwd")
    try:
        assert ask(f"{served.url}/static/.hidden").status == 404
        assert ask(f"{served.url}/static/link").status == 403
        assert ask(f"{served.url}/static/%2e%2e/views.py").status == 404
    finally:
        (static / ".hidden").unlink()
        (static / "link").unlink()


def test_the_log_shows_requests_and_no_errors(changed: Project) -> None:
    with running(changed) as serving:
        ask(f"{serving.url}/?marked")
        ask(f"{serving.url}/static/style.css")
        # Two of Apache's processes may have answered; each writes when it comes to it.
        wait_for(lambda: '"GET /?marked HTTP/1.1" 200' in serving.log, 5, "the page")
        wait_for(lambda: "style.css" in serving.log, 5, "the static file")
        serving.stop()
        # Nothing but our own two lines and requests: no notice, no warning, no error.
        lines = serving.log.splitlines()
        assert [line for line in lines if not line.startswith(("* ", "127.0.0.1 "))] == []


@pytest.mark.daemon_mode
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_it_and_leaves_nothing(changed: Project, number: int) -> None:
    with running(changed) as serving:
        family = serving.family()
        port = int(serving.url.rpartition(":")[2])
        assert len(family) >= 4  # Apache, one child at least, two of the application
        assert serving.stop(number) == 0
    assert survivors(family, 5) == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_apache_does_not_outlive_a_killed_run(changed: Project) -> None:
    with running(changed) as serving:
        family = serving.family()
        serving.process.kill()
        serving.process.wait()
    assert survivors(family, 15) == []


def test_the_server_root_is_private(project: Project, served: Running) -> None:
    mode = (project.path / "var" / "apache").stat().st_mode & 0o777
    assert mode == (0o710 if os.geteuid() == 0 else 0o700)


def test_requests_run_as_an_unprivileged_user(changed: Project) -> None:
    with running(changed) as serving:
        answer = json.loads(ask(f"{serving.url}/whoami").text)
        assert answer["user"] != 0
        assert answer["secret"]  # although that user cannot read .env


def test_a_failure_is_a_500_whose_traceback_is_in_the_log(changed: Project) -> None:
    with running(changed) as serving:
        answer = ask(f"{serving.url}/boom", Accept="application/json")
        assert answer.status == 500
        assert "a detail" not in answer.text
        wait_for(lambda: "RuntimeError: a detail" in serving.log, 5, "the traceback")


def test_requests_under_way_finish_when_it_stops(changed: Project) -> None:
    with running(changed) as serving, ThreadPoolExecutor(1) as pool:
        seconds = min(8, round(2 * patience()))  # STOP_LIMIT is 10
        slow = pool.submit(ask, f"{serving.url}/slow?seconds={seconds}&say")
        wait_for(lambda: "under way" in serving.log, 5, "the request to be under way")
        assert serving.stop() == 0
        assert slow.result().text == "done"


def test_a_mount_point(changed: Project) -> None:
    with running(changed, env={"MOUNT_POINT": "app/"}) as serving:
        assert serving.url.endswith("/app")
        page = ask(f"{serving.url}/")
        assert page.status == 200
        assert 'href="/app/static/style.css?v=' in page.text
        style = ask(f"{serving.url}/static/style.css")
        assert (style.status, style.headers["Accept-Ranges"]) == (200, "bytes")
        assert ask(f"{serving.url}/go").headers["Location"] == "/app/"
        assert "Path=/app" in ask(f"{serving.url}/login").headers["Set-Cookie"]
        outside = serving.url.removesuffix("/app")
        assert ask(f"{outside}/").status == 404
        assert ask(f"{outside}/static/style.css").status == 404


@pytest.mark.daemon_mode
def test_settings_of_the_command_line_win(changed: Project) -> None:
    with running(changed, "--threads", "3", "--processes", "3") as serving:
        names = [" ".join(process.cmdline()[:1]) for process in serving.family()]
        assert sum(name.startswith("(wsgi:hello_flask)") for name in names) == 3


def test_a_second_run_of_the_same_project_is_refused(project: Project, served: Running) -> None:
    second = project.call("./run", PORT="1")
    assert second.returncode == 1
    assert "already-running" in second.stderr
    assert ask(f"{served.url}/").status == 200


def test_a_stale_pid_file_is_no_obstacle(changed: Project) -> None:
    with running(changed):
        pass
    (changed.path / "var" / "apache" / "httpd.pid").write_text(f"{os.getpid()}\n")
    with running(changed) as serving:
        assert ask(f"{serving.url}/").status == 200


def test_a_long_path_gets_a_short_server_root(project: Project, workplace: Path) -> None:
    source = (
        "from pathlib import Path\n"
        "from flask_modwsgi.apache import server_root\n"
        "from flask_modwsgi.config.project import Project\n"
        "print(server_root.choose(Project(Path.cwd()), 'x' * 100))\n"
    )
    done = project.call(".venv/bin/python", "-c", source)
    short = Path(done.stdout.strip())
    assert short.is_absolute(), done.stderr
    assert project.path not in short.parents
    assert len(str(short)) < 80


def test_flask_and_the_package_run_without_apache(project: Project) -> None:
    done = project.call(".venv/bin/python", "-m", "hello_flask", "--help")
    assert "Usage: flask run" in done.stdout or "flask run" in done.stdout
    routes = project.call(".venv/bin/flask", "--app", "hello_flask", "routes")
    assert "health.ready" in routes.stdout


def test_nothing_is_written_outside(project: Project, home: Path) -> None:
    # pip asks rustc for its version, and rustup makes a folder of its own then.
    allowed = {".cache", ".cookiecutter_replay", ".rustup"}
    assert {path.name for path in home.iterdir()} <= allowed
    siblings = {path.name for path in project.path.parent.iterdir()}
    assert siblings <= {project.path.name, f"{project.path.name}-run.log"}


def test_the_shell_that_called_it_goes_on(changed: Project) -> None:
    pexpect = pytest.importorskip("pexpect")
    limit = 30 * patience()
    shell = pexpect.spawn("/bin/sh", timeout=limit, encoding="utf-8", dimensions=(24, 80))
    try:
        port = free_port()
        shell.sendline(f"PORT={port} {changed.path}/run; echo status=$?")
        shell.expect("Ctrl-C stops it")
        shell.setwinsize(50, 120)  # SIGWINCH, which Apache takes for an order to stop
        shell.setwinsize(24, 80)
        assert ask(f"http://127.0.0.1:{port}/").status == 200
        shell.sendcontrol("c")
        shell.expect(r"status=(\d+)")
        assert shell.match[1] == "0"
        shell.sendline("echo still $((40 + 2))")
        shell.expect("still 42")
    finally:
        shell.close(force=True)


@pytest.mark.parametrize("verb", ["dev", "serve"])
def test_verbs_beside_a_server_in_the_foreground(changed: Project, verb: str) -> None:
    with running(changed, verb) as serving:
        port = serving.url.rsplit(":", 1)[1]

        def call(*words: str) -> subprocess.CompletedProcess[str]:
            return changed.call("./run", *words, PORT=port)

        def respond() -> bool:
            rows = json.loads(call("status", "--json").stdout)["processes"]
            return bool(rows) and all(row["responds"] for row in rows)

        wait_for(respond, 10, "every process to respond")
        reloaded = call("reload")
        assert reloaded.returncode == 0, reloaded.stderr
        assert call("stop").returncode == 0
        assert serving.process.wait(timeout=30 * patience()) == 0
        wait_for(lambda: "* stopped by another command" in serving.log, 10, "its last line")


@contextmanager
def put_back(*files: Path) -> Iterator[None]:
    """They are as before afterwards."""
    before = {file: file.read_bytes() for file in files}
    try:
        yield
    finally:
        for file, content in before.items():
            file.write_bytes(content)


def save(file: Path, text: str) -> None:
    """As editors do: whoever reads it meanwhile never finds a part of it."""
    new = file.with_name(f"{file.name}~")
    new.write_text(text)
    shutil.copymode(file, new)
    new.replace(file)


def test_development_reloads_what_is_saved(changed: Project) -> None:
    template = changed.package / "templates" / "index.html"
    layout = template.with_name("layout.html")
    views, env_file = changed.package / "views.py", changed.path / ".env"
    (wsgi,) = changed.path.glob("*.wsgi")
    with put_back(template, layout, views, env_file, wsgi), running(changed, "dev") as serving:

        def page() -> str:
            try:
                return ask(f"{serving.url}/").text
            except OSError:  # Apache restarts for a new .env
                return ""

        save(template, template.read_text().replace("love Flask", "love templates"))
        wait_for(lambda: "love templates" in page(), 10, "the template")
        save(layout, layout.read_text().replace("<main", "<p>New layout</p><main"))
        wait_for(
            lambda: "New layout" in ask(f"{serving.url}/{'a' * 9000}", Accept="text/html").text,
            10,
            "Apache's own error page",
        )
        assert "index.html" not in serving.log

        good = views.read_text()
        index = 'render_template("index.html", served_by=served_by())'
        assert index in good
        save(views, good.replace(index, "1 / 0"))
        wait_for(lambda: "ZeroDivisionError" in page(), 10, "the traceback in the browser")
        save(views, good + "\nsyntax error\n")
        wait_for(lambda: "SyntaxError" in page(), 10, "the syntax error in the browser")
        shown = page()
        assert "SyntaxError" in shown
        assert len(page()) == len(shown)
        save(views, good + "\nraise SystemExit('enough')\n")
        wait_for(lambda: "SystemExit: enough" in page(), 10, "the exit in the browser")
        save(views, good + "\nraise KeyboardInterrupt('not by me')\n")
        wait_for(
            lambda: "KeyboardInterrupt: not by me" in page(), 10, "the interrupt in the browser"
        )
        sends = "bp.record(lambda made: made.app.config.update(USE_X_SENDFILE=True))"
        save(views, f"{good}\n{sends}\n")
        wait_for(lambda: "sendfile-on" in page(), 10, "the problem in the browser")
        loads = wsgi.read_text()
        save(wsgi, f"{loads}\napplication = create_app\n")
        wait_for(lambda: "app-unservable" in page(), 10, "that it has to be called")
        save(wsgi, loads)
        code = "f\"code {os.environ['WERKZEUG_RUN_MAIN']}\""
        save(views, good.replace(index, code))
        wait_for(lambda: page() == "code true", 10, "the new code")
        save(views, good.replace(index, 'os.environ["GREETING"]'))
        greeting = "GREETING=\"from $HOME, 100% 'sure'\"\n"
        save(env_file, env_file.read_text() + greeting)
        wait_for(lambda: page() == "from $HOME, 100% 'sure'", 15, "the new setting")
        settings = env_file.read_text()
        save(env_file, f"{settings}THREADS=many\n")
        wait_for(lambda: "nothing was restarted" in serving.log, 15, "what is wrong with .env")
        assert "setting-invalid" in serving.log
        assert page() == "from $HOME, 100% 'sure'"
        save(env_file, settings)
        wait_for(lambda: serving.log.count("restarting, because") == 2, 15, "a restart")
        beside = changed.path / "beside.py"
        beside.write_text("")
        wait_for(lambda: "because of beside.py" in serving.log, 10, "a module beside the package")
        beside.unlink()
        assert "ZeroDivisionError" in serving.log
        once = ("SyntaxError: ", "SystemExit: enough", "KeyboardInterrupt: not by me")
        assert [serving.log.count(words) for words in once] == [1, 1, 1]
        assert "GET / 200" in serving.log


def test_development_goes_on_in_a_new_environment(changed: Project) -> None:
    """As `./run setup` makes one for a new package, and puts it to use."""
    link = changed.path / ".venv"
    old, new = Path(os.readlink(link)), Path("var/env/new")
    shutil.copytree(changed.path / old, changed.path / new, symlinks=True)
    (site_packages,) = (changed.path / new).glob("lib/python*/site-packages")
    (site_packages / "newly.py").write_text("")

    def use(environment: Path) -> None:
        (changed.path / "link").symlink_to(environment)
        (changed.path / "link").rename(link)

    source = (
        '\n\nimport newly\n\n\n@bp.get("/newly")\ndef is_new() -> str:\n    return newly.__name__\n'
    )
    try:
        with running(changed, "dev") as serving:
            with with_views(changed, source):
                wait_for(lambda: "No module named 'newly'" in serving.log, 10, "the failure")
                use(new)
                wait_for(lambda: serving.log.count("Ctrl-C stops it") == 2, 30, "a restart")
                assert ask(f"{serving.url}/newly").text == "newly"
            assert serving.stop() == 0
    finally:
        use(old)
        shutil.rmtree(changed.path / new)


@contextmanager
def loading_without_end(project: Project, where: str) -> Iterator[None]:
    """The project whose .wsgi file comes to no end on trial, or in Apache."""
    wsgi = project.path / "hello_flask.wsgi"
    test = f"if ('flask_modwsgi.worker.trial' in sys.orig_argv) == {where == 'trial'}:"
    waits = f"import sys\nimport time\n\n{test}\n    print('is loading')\n    time.sleep(600)\n"
    with put_back(wsgi):
        wsgi.write_text(waits + wsgi.read_text())
        yield


def is_tried(serving: Running) -> bool:
    running = process_table.running()
    return any(
        "flask_modwsgi.worker.trial" in one.command
        for one in running
        if one.parent == serving.process.pid
    )


@pytest.mark.parametrize(
    ("number", "where"),
    [(signal.SIGINT, "trial"), (signal.SIGTERM, "trial"), (signal.SIGINT, "Apache")],
)
def test_development_can_be_stopped_while_the_application_loads(
    changed: Project, number: int, where: str
) -> None:
    env = {"START_LIMIT": "600"}
    with loading_without_end(changed, where), starting(changed, "dev", env=env) as serving:
        begun = {"trial": lambda: is_tried(serving), "Apache": lambda: "is loading" in serving.log}
        wait_for(begun[where], 60, "the load")
        family = serving.family()
        os.killpg(serving.process.pid, number)  # as a terminal does
        assert serving.process.wait(timeout=20 * patience()) == 0
    assert survivors(family, 5) == []
    assert "Traceback" not in serving.log


def test_development_can_be_stopped_while_it_reads_a_new_environment(changed: Project) -> None:
    env_file, env = changed.path / ".env", {"START_LIMIT": "600"}
    with (
        put_back(env_file),
        running(changed, "dev", env=env) as serving,
        loading_without_end(changed, "trial"),
    ):
        with env_file.open("a") as file:
            file.write("\n")
        wait_for(lambda: is_tried(serving), 20, "the load")
        os.killpg(serving.process.pid, signal.SIGINT)
        assert serving.process.wait(timeout=20 * patience()) == 0
    assert "restarting" not in serving.log


def test_development_recovers_from_an_import_that_hangs(changed: Project) -> None:
    """Not even a signal gets through to Python then."""
    wsgi = changed.path / "hello_flask.wsgi"
    good = wsgi.read_text()
    endless = "import sys\nprint('is hanging', file=sys.stderr)\nwhile True:\n    pass\n"
    env = {"STOP_LIMIT": "600"}

    def is_tried_again(times: int) -> bool:
        return serving.log.count("is hanging") > times

    with put_back(wsgi), running(changed, "dev", env=env) as serving:
        for seen in range(LOOP_DEATHS + 1):  # each is ended, which is no crash loop
            save(wsgi, f"{endless}# {seen}\n")
            wait_for(partial(is_tried_again, seen), 20, "the import")
        save(wsgi, good)
        wait_for(lambda: ask(f"{serving.url}/").status == 200, 20, "the page")
        assert "Problem" not in serving.log


@pytest.mark.parametrize("starts", [running, starting])
def test_development_waits_for_what_mends_code_that_ends_each_process(
    changed: Project, starts: Callable[..., AbstractContextManager[Running]]
) -> None:
    """Also where it was so at the first start."""
    wsgi, port = changed.path / "hello_flask.wsgi", str(free_port())
    good, dies = wsgi.read_text(), "import os\nos._exit(5)\n"
    served = 2 if starts is running else 1  # times in all
    with put_back(wsgi):
        if starts is starting:
            save(wsgi, dies)
        with starts(changed, "dev", env={"PORT": port}) as serving:
            if starts is running:
                save(wsgi, dies)
            wait_for(lambda: "the next saved file" in serving.log, 30, "the end of a crash loop")
            assert "exits with status 5" in serving.log
            save(wsgi, good)
            wait_for(lambda: serving.log.count("Ctrl-C stops it") == served, 30, "a start")
            assert ask(f"http://127.0.0.1:{port}/").status == 200
            assert serving.log.count("Problem ") == 1
            assert serving.stop() == 0


def test_development_goes_on_where_a_new_address_cannot_be_had(changed: Project) -> None:
    env_file = changed.path / ".env"
    before = env_file.read_text()
    with put_back(env_file), running(changed, "dev") as serving:
        save(env_file, f"{before}HOST=198.51.100.7\n")
        wait_for(lambda: "nothing was restarted" in serving.log, 30, "the refusal")
        assert "Problem  address-unusable" in serving.log
        assert ask(f"{serving.url}/").status == 200
        save(env_file, f"{before}HOST=127.0.0.1\n")
        wait_for(lambda: serving.log.count("Ctrl-C stops it") == 2, 30, "a restart")
        assert ask(f"{serving.url}/").status == 200
        assert serving.stop() == 0


def test_werkzeugs_server_in_an_application_under_development(changed: Project) -> None:
    """In a thread and in a program that the application starts, as under ``./run``."""
    ports = {"thread": free_port(), "program": free_port()}

    def serving(name: str) -> str:
        return f"run_simple('127.0.0.1', {ports[name]}, Response('the {name}'))"

    def answer(name: str) -> str:
        try:
            return ask(f"http://127.0.0.1:{ports[name]}/").text
        except OSError:
            return ""

    names = "from werkzeug import Response, run_simple"
    words = [f"{changed.path}/.venv/bin/python", "-c", f"{names}; {serving('program')}"]
    source = (
        f"\n\nimport subprocess\nimport threading\n\n{names}\n\n"
        f"threading.Thread(target=lambda: {serving('thread')}, daemon=True).start()\n"
        f"subprocess.Popen({words})\n"
    )
    with with_views(changed, source), running(changed, "dev"):
        wait_for(lambda: answer("thread") == "the thread", 20, "the server in a thread")
        wait_for(lambda: answer("program") == "the program", 20, "the server of a program")


@pytest.mark.parametrize("debug", ["", ", debug=False"])
def test_flasks_server_in_an_application_under_development(changed: Project, debug: str) -> None:
    """In a thread it serves; where it would keep the application from being loaded, it is named."""
    thread, port = free_port(), free_port()
    other = "\n\nimport threading\n\nfrom flask import Flask\n\nother = Flask('other', static_url_path='/')\n"
    run = f"other.run(port={{}}{debug})\n"

    def page(url: str) -> str:
        try:
            return ask(url).text
        except OSError:
            return ""

    beside = f"{other}threading.Thread(target=lambda: {run.format(thread).strip()}, daemon=True).start()\n"
    with with_views(changed, beside), running(changed, "dev") as serving:
        wait_for(lambda: "Not Found" in page(f"http://127.0.0.1:{thread}/"), 20, "the other server")
        views = changed.package / "views.py"
        views.write_text(f"{views.read_text()}\n{run.format(port)}")
        wait_for(lambda: "app-serves" in page(serving.url), 20, "the problem in the browser")


def test_development_shows_tracebacks_whatever_the_configuration_says(changed: Project) -> None:
    """As under ``flask run --debug``."""
    source = (
        '\n\n@bp.get("/zero")\ndef zero() -> str:\n    return str(1 / 0)\n\n\n'
        "bp.record(lambda made: made.app.config.update(DEBUG=False))\n"
    )
    with with_views(changed, source), running(changed, "dev") as serving:
        assert "ZeroDivisionError" in ask(f"{serving.url}/zero").text


def test_nothing_is_shown_in_the_middle_of_a_traceback(changed: Project) -> None:
    source = '\n\n@bp.get("/zero")\ndef zero() -> str:\n    return str(1 / 0)\n'
    end = "ZeroDivisionError: division by zero\n"
    with with_views(changed, source), running(changed, "dev") as serving:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: ask(f"{serving.url}/zero"), range(60)))
        wait_for(lambda: serving.log.count(end) == 60, 10, "the tracebacks")
        tracebacks = serving.log.split("Traceback (most recent call last):\n")[1:]
    for whole in (text.partition(end)[0] for text in tracebacks):
        assert all(line.startswith("  ") for line in whole.splitlines()), whole


def test_an_ordinary_user_serves_as_itself(changed: Project) -> None:
    if os.geteuid() != 0:
        pytest.skip("the other tests did that already, this one needs root to become another user")
    nobody = 65534
    subprocess.run(["chown", "-R", f"{nobody}:{nobody}", changed.path], check=True)
    try:
        with running(changed, user=nobody, group=nobody, extra_groups=[]) as serving:
            assert json.loads(ask(f"{serving.url}/whoami").text)["user"] == nobody
    finally:
        subprocess.run(["chown", "-R", "0:0", changed.path], check=True)
