"""Why an application is not loaded, from a trial or from a traceback."""

import errno
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from log_lines import stamped
from samples import project

from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import import_failures, tracebacks
from flask_modwsgi.doctor.import_failures import Outcome
from flask_modwsgi.logs import events
from flask_modwsgi.machine import accounts
from flask_modwsgi.problems import systems
from flask_modwsgi.problems.problem import Problem

OWN = Path("/srv/shop")


def rehearsed(output: str = "", status: int = 1, **more: Any) -> Problem | None:
    tried = Outcome(OWN / "shop.wsgi", False, status, output, 2.0, **more)
    return import_failures.refusal(tried, "me", OWN)


def raised(own: Path, last: str) -> Problem:
    """What a traceback with this last line shows of an application in `own`."""
    return import_failures.from_traceback(f"Traceback (most recent call last):\n{last}", "me", own)


def test_a_module_that_no_package_provides(tmp_path: Path) -> None:
    """No name of a package is guessed from it."""
    problem = raised(tmp_path, "ModuleNotFoundError: No module named 'yaml'")
    assert problem.slug == "package-missing"
    assert "the package that provides yaml" in problem.why
    assert "yaml" not in "".join(problem.remedy)
    assert problem.remedy[0].endswith("./run setup")


@pytest.mark.parametrize("module", ["_sqlite3", "_ctypes", "_lzma"])
def test_a_part_of_python_that_this_one_was_built_without(tmp_path: Path, module: str) -> None:
    problem = raised(tmp_path, f"ModuleNotFoundError: No module named '{module}'")
    assert problem.slug == "python-incomplete"
    assert "No package provides it" in problem.why
    assert problem.remedy == ("PYTHON=/usr/bin/python3 ./run setup",)


def test_parts_of_python_that_another_python_does_not_help_with(tmp_path: Path) -> None:
    for_windows = raised(tmp_path, "ModuleNotFoundError: No module named 'winreg'")
    assert "Windows" in for_windows.why and "PYTHON=" not in "".join(for_windows.remedy)
    packaged = raised(tmp_path, "ModuleNotFoundError: No module named 'tkinter'")
    assert packaged.slug == for_windows.slug == "python-incomplete"
    assert packaged.remedy == (f"{systems.install('tkinter')} && ./run setup",)


@pytest.mark.parametrize(
    ("module", "package"), [("distutils", "setuptools"), ("cgi", "legacy-cgi")]
)
def test_a_module_that_python_no_longer_has(tmp_path: Path, module: str, package: str) -> None:
    """But one of the project's own may have that name."""
    last = f"ModuleNotFoundError: No module named '{module}'"
    problem = raised(tmp_path, last)
    assert problem.slug == "module-removed"
    assert f"The package {package} provides it" in problem.why
    (tmp_path / "old").mkdir()
    (tmp_path / f"old/{module}.py").touch()
    assert raised(tmp_path, last).slug == "module-misplaced"


def test_a_variable_that_is_not_set(tmp_path: Path) -> None:
    """But not one that the application expects, or that another mapping lacks."""
    program = "import os\nos.environ['MAIL_SERVER']\n"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env={})
    problem = import_failures.from_traceback(done.stderr, "me", tmp_path)
    assert problem.slug == "variable-missing"
    (tmp_path / ".env").write_text("PORT=8000")  # without an end
    command = ["sh", "-c", problem.remedy[0]]
    subprocess.run(command, cwd=tmp_path, input="mail here\n", text=True, check=True)
    assert (tmp_path / ".env").read_text() == "PORT=8000\nMAIL_SERVER=mail here\n"
    assert raised(tmp_path, "KeyError: 'MAIL_SERVER'").slug == "app-broken"
    handled = f"{done.stderr}\nDuring handling of the above exception:\n\nValueError: no\n"
    assert import_failures.from_traceback(handled, "me", tmp_path).slug == "app-broken"


def test_a_module_in_another_folder_of_the_project(tmp_path: Path) -> None:
    for folder in (".venv/lib", "var/env", "shop", "lib/deep"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".venv/lib/yaml.py").touch()
    (tmp_path / "var/env/yaml.py").touch()
    (tmp_path / "shop/models.py").touch()
    problem = raised(tmp_path, "ModuleNotFoundError: No module named 'models'")
    assert problem.slug == "module-misplaced"
    assert "shop/models.py exists" in problem.what and "shop.models" in problem.why
    missing = raised(tmp_path, "ModuleNotFoundError: No module named 'yaml'")
    assert missing.slug == "package-missing"
    of_its_own = raised(tmp_path, "ModuleNotFoundError: No module named 'shop.nothing'")
    assert of_its_own.slug == "app-broken"


def test_a_module_that_an_installed_package_does_not_have(tmp_path: Path) -> None:
    """Such as one of another version: the package is there."""
    (tmp_path / ".venv/lib/python3.11/site-packages/werkzeug").mkdir(parents=True)
    for name in ("werkzeug.contrib.cache", "asyncio.compat"):
        problem = raised(tmp_path, f"ModuleNotFoundError: No module named '{name}'")
        assert problem.slug == "module-lacking"
        assert f"imports {name}, and {name.partition('.')[0]} has no such module" in problem.what
    other = raised(tmp_path, "ModuleNotFoundError: No module named 'flask_login.utils'")
    assert other.slug == "package-missing"


def test_a_folder_that_hides_another_module(tmp_path: Path) -> None:
    last = "ModuleNotFoundError: No module named 'logging.handlers'"
    assert raised(tmp_path, last).slug == "module-lacking"
    (tmp_path / "logging").mkdir()
    problem = raised(tmp_path, last)
    assert problem.slug == "module-hidden"
    subprocess.run(problem.remedy[0], shell=True, check=True)
    assert (tmp_path / "own_logging").is_dir()


def test_a_project_that_asks_for_its_own_version(tmp_path: Path) -> None:
    """It has one only where it is installed. That of another package is missing as that package is."""
    code = "import importlib.metadata, sys; importlib.metadata.version(sys.argv[1])"
    (tmp_path / "requirements.txt").write_text("Flask")

    def slug_of(name: str) -> str:
        done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True)
        return import_failures.from_traceback(done.stderr, "me", tmp_path).slug

    assert slug_of("hello_flask") == "app-broken"  # there is no pyproject.toml
    project(tmp_path)
    assert slug_of("hello_flask") == slug_of("Hello.Flask") == "project-uninstalled"
    assert slug_of("another") == "app-broken"
    last = "importlib.metadata.PackageNotFoundError: No package metadata was found for hello_flask"
    command = raised(tmp_path, last).remedy[0].partition(" && ")[0]
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    assert (tmp_path / "requirements.txt").read_text() == "Flask\n-e .\n"


def test_a_project_with_hashes_that_asks_for_its_own_version(tmp_path: Path) -> None:
    """It cannot be listed there: the command shows where the code asks."""
    project(tmp_path)
    (tmp_path / "requirements.txt").write_text("Flask==3.1.0 --hash=sha256:0123")
    (tmp_path / "shop.py").write_text("from importlib.metadata import version\n")
    last = "importlib.metadata.PackageNotFoundError: No package metadata was found for hello_flask"
    (command,) = raised(tmp_path, last).remedy
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "./shop.py:1:from importlib.metadata import version\n"
    assert (tmp_path / "requirements.txt").read_text().startswith("Flask==")


def test_an_application_that_was_renamed(tmp_path: Path) -> None:
    """No package provides it."""
    table = '[tool.flask-modwsgi]\napp_name = "blog"\npackage = "blog.py"\n'
    (tmp_path / "pyproject.toml").write_text(table)
    last = "ModuleNotFoundError: No module named 'blog'"
    problem = raised(tmp_path, last)
    assert problem.slug == "app-gone"
    assert str(tmp_path / "blog.py") in problem.what and "blog.wsgi" in problem.why
    (tmp_path / "blog.py").touch()
    assert raised(tmp_path, last).slug == "app-broken"


def test_a_traceback_behind_an_unfinished_line() -> None:
    """As of a prompt, or of a progress that is shown."""
    traceback = (
        'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\nEOFError: no'
    )
    problem = rehearsed(f"Loading ... {traceback}", status=1)
    assert problem and problem.slug == "app-broken"
    assert "Loading" not in problem.what and "EOFError: no" in problem.what


def test_a_module_that_only_pythonpath_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared folder"
    (shared / "tools").mkdir(parents=True)
    own.mkdir()
    monkeypatch.setenv("PYTHONPATH", f"/nonexistent:{shared}")
    problem = raised(own, "ModuleNotFoundError: No module named 'tools.csv'")
    assert problem.slug == "pythonpath-ignored"
    assert str(shared / "tools") in problem.what
    subprocess.run(problem.remedy[0], shell=True, cwd=own, check=True)
    assert (own / "tools").is_dir()


def test_a_module_that_only_the_pythonpath_of_env_has(tmp_path: Path) -> None:
    own, shared = project(tmp_path / "own").root, tmp_path / "common"
    shared.mkdir()
    (shared / "tools.py").touch()
    last = "ModuleNotFoundError: No module named 'tools'"
    assert raised(own, last).slug == "package-missing"
    (own / ".env").write_text("PYTHONPATH=../common\n")
    problem = raised(own, last)
    assert problem.slug == "pythonpath-ignored"
    subprocess.run(problem.remedy[0], shell=True, cwd=own, check=True)
    assert (own / "tools.py").is_file()


@pytest.mark.parametrize("relative", [True, False])
def test_an_application_that_reads_env_by_itself(tmp_path: Path, relative: bool) -> None:
    """Not with a package that gets the values from the environment."""
    own = project(tmp_path)
    own.env_file.write_text(f"FLASK_SECRET_KEY={'k' * 32}\n")
    own.env_file.chmod(0o600)
    path = ".env" if relative else own.env_file
    last = f"PermissionError: [Errno 13] Permission denied: '{path}'"
    user = accounts.by_id(os.geteuid()).user
    problem = import_failures.from_traceback(last, user, tmp_path)
    assert problem.slug == "env-file-closed"
    assert not re.search("chmod|chgrp|chown", str(problem))  # it would open the secret
    (tmp_path / "app.py").write_text('import os\nos.environ["A"]\nopen(".env")\n')
    shown = subprocess.check_output(problem.remedy[0], shell=True, cwd=tmp_path, text=True)
    assert shown == './app.py:3:open(".env")\n'
    # Such as one that wants to write to it.
    own.env_file.chmod(0o640)
    again = import_failures.from_traceback(last, user, tmp_path)
    assert again.slug == "permission-denied"


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("token", "ImportError: cannot import name 'EXACT_TOKEN_TYPES' from 'token' (/x/token.py)"),
        ("types", "AttributeError: module 'types' has no attribute 'CoroutineType'"),
        (
            "logging",
            "AttributeError: partially initialized module 'logging' has no attribute 'getLogger'"
            " (most likely due to a circular import)",
        ),
        ("email", "ModuleNotFoundError: No module named 'email.mime'; 'email' is not a package"),
        (
            "flask",
            "ImportError: cannot import name 'Flask' from partially initialized module 'flask'"
            " (most likely due to a circular import) (/x/flask.py)",
        ),
    ],
)
def test_a_file_that_hides_another_module(tmp_path: Path, name: str, last: str) -> None:
    installed = tmp_path / ".venv/lib/python3.11/site-packages"
    for package in ("flask", "wtforms"):
        (installed / package).mkdir(parents=True)
    assert raised(tmp_path, last).slug != "module-hidden"  # there is no such file
    file = tmp_path / f"{name}.py"
    file.touch()
    problem = raised(tmp_path, last)
    assert problem.slug == "module-hidden"
    assert problem.what.startswith(f"{file} hides another module named {name}.")
    subprocess.run(problem.remedy[0], shell=True, check=True)
    assert not file.exists() and (tmp_path / f"own_{name}.py").exists()


@pytest.mark.parametrize("file", ["peewee.py", "peewee.cpython-311-x86_64-linux-gnu.so", "peewee"])
def test_a_file_that_hides_a_package_of_any_form(tmp_path: Path, file: str) -> None:
    """One file, an extension module, or a folder."""
    installed = tmp_path / ".venv/lib/python3.11/site-packages" / file
    installed.parent.mkdir(parents=True)
    (tmp_path / "peewee.py").touch()
    last = "ImportError: cannot import name 'Model' from 'peewee' (/x/peewee.py)"
    assert raised(tmp_path, last).slug == "app-broken"  # no package is installed
    installed.touch()
    assert raised(tmp_path, last).slug == "module-hidden"


@pytest.mark.parametrize("package", ["src/blog", "backend"])
def test_modules_beside_an_application_in_a_folder(tmp_path: Path, package: str) -> None:
    """The .wsgi file puts that folder on sys.path."""
    table = f'[tool.flask-modwsgi]\napp_name = "blog"\npackage = "{package}"\n'
    (tmp_path / "pyproject.toml").write_text(table)
    module = tmp_path / ("src/blog/__init__.py" if package == "src/blog" else "backend/blog.py")
    module.parent.mkdir(parents=True)
    module.touch()
    misspelt = raised(tmp_path, "ModuleNotFoundError: No module named 'blog.modles'")
    assert misspelt.slug == "app-broken"
    hiding = tmp_path / package.partition("/")[0] / "token.py"
    hiding.touch()
    last = "ImportError: cannot import name 'EXACT_TOKEN_TYPES' from 'token' (/x/token.py)"
    problem = raised(tmp_path, last)
    assert problem.slug == "module-hidden"
    assert problem.what.startswith(f"{hiding} hides another module named token.")


def test_a_circular_import_of_the_applications_own_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "models.py").touch()
    last = "ImportError: cannot import name 'db' from partially initialized module 'models'"
    assert raised(tmp_path, last).slug == "app-broken"


def loaded_with(
    own: Path, source: str, name: str = "application"
) -> subprocess.CompletedProcess[str]:
    """`./run flask routes` of an application with this source."""
    project(own)
    wsgi = own / "shop.wsgi"
    start = f"import sys; sys.path.insert(0, '')\nfrom shop import {name}\n"
    wsgi.write_text(start)
    (own / "shop.py").write_text(source)
    command = [sys.executable, "-P", "-m", "flask_modwsgi.worker.flask_command", str(wsgi), "[]"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run([*command, "routes"], cwd=own, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("source", "quote", "remedy"),
    [
        (
            "def show(:\n",
            '  |   File "{own}/shop.py", line 1\n'
            "  |     def show(:\n"
            "  |              ^\n"
            "  | SyntaxError: invalid syntax\n",
            "${EDITOR:-vi} +1 shop.py\n",
        ),
        ("import json\njson.nothing\n", "has no attribute 'nothing'", "+2 shop.py\n"),
        ("import nowhere\n", "imports nowhere, which no package", "./run setup\n"),
        ("raise SystemExit('no settings')\n", "  | SystemExit: no settings\n", "grep "),
    ],
)
def test_a_command_of_an_application_that_cannot_be_loaded(
    tmp_path: Path, source: str, quote: str, remedy: str
) -> None:
    own = tmp_path.resolve()
    done = loaded_with(own, source)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("\nProblem  ")
    assert quote.format(own=own) in done.stderr
    assert remedy in done.stderr
    assert not re.search("click|flask/cli|flask_modwsgi/|runpy", done.stderr)


def test_a_command_tells_what_is_wrong_with_the_wsgi_file(tmp_path: Path) -> None:
    assert "Problem  app-nameless" in loaded_with(tmp_path, "application = 5\n", "app").stderr
    assert "Problem  wsgi-file-wrong" in loaded_with(tmp_path, "", "def (").stderr


LOGGING = """
import logging.config
import os


def open_file(reason):
    raise OSError(reason, os.strerror(reason), {file!r})


logging.FileHandler._open = lambda handler: open_file({number})
logging.config.dictConfig(
    {{
        "version": 1,
        "handlers": {{"file": {{"class": "logging.FileHandler", "filename": {file!r}}}}},
    }}
)
"""


@pytest.mark.parametrize(
    ("number", "slug"), [(errno.EACCES, "permission-denied"), (errno.ENOSPC, "disk-full")]
)
def test_a_log_file_that_cannot_be_opened(tmp_path: Path, number: int, slug: str) -> None:
    """Python's logging.config raises a ValueError that does not say why."""
    own = tmp_path.resolve()
    source = LOGGING.format(file=f"{own}/shop.log", number=number)
    done = loaded_with(own, source)
    assert f"Problem  {slug}" in done.stderr
    (own / "logged.py").write_text("import logging\n\nlogging.error('before')\n" + source)
    done = subprocess.run([sys.executable, "logged.py"], cwd=own, capture_output=True, text=True)
    assert "ValueError: Unable to configure handler 'file'" in done.stderr
    problem = rehearsed(done.stderr)
    assert problem and problem.slug == slug
    assert str(own) in problem.what


def test_an_error_that_was_only_logged_before_is_not_the_reason(tmp_path: Path) -> None:
    source = (
        "import logging\n\n"
        "try:\n    raise PermissionError(13, 'Permission denied', '/etc/secrets')\n"
        "except OSError:\n    logging.exception('no secrets')\n\nint('a')\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert "PermissionError" in done.stderr
    problem = rehearsed(done.stderr)
    assert problem and problem.slug == "app-broken"


GROUP = """
def fail():
    raise ValueError("of two\\nlines")

def both():
    failures = []
    for number in range(2):
        try:
            fail()
        except ValueError as failure:
            failures.append(ExceptionGroup("inner", [failure, KeyError("key")]))
    raise ExceptionGroup("both", failures)

"""


@pytest.mark.parametrize(
    "call",
    ["both()", "try:\n    {}['a']\nexcept KeyError:\n    both()"],
    ids=["alone", "in a chain"],
)
def test_a_group_of_exceptions(tmp_path: Path, call: str) -> None:
    """All that is in it is shown, and the file is that of the last one."""
    own = tmp_path.resolve()
    (own / "grouped.py").write_text(GROUP + call)
    done = subprocess.run([sys.executable, "grouped.py"], cwd=own, capture_output=True, text=True)
    assert "  + Exception Group Traceback" in done.stderr
    problem = rehearsed(f"before\n{done.stderr}")
    assert problem and problem.slug == "app-broken"
    assert "\nException Group Traceback (most recent call last):\n" in problem.what
    assert problem.what.endswith("\n      +------------------------------------")
    *_, group = done.stderr.partition("  + Exception Group")
    (found,) = tracebacks.tracebacks(events.printed(f"Loading ...  + Exception Group{group}"))
    assert "\nExceptionGroup: both (2 sub-exceptions)\n" in found
    # Python 3.13 and newer begin each line of a message with the margin of its group.
    assert len(re.findall(r"ValueError: of two\n(?: +\| )?lines", found)) == 2
    assert "${EDITOR:-vi} +3 shop.py" in loaded_with(own, GROUP + call).stderr


def test_the_errors_of_the_flask_command_are_its_own(tmp_path: Path) -> None:
    done = loaded_with(tmp_path, "application = 5\n")
    assert done.stderr.startswith("Usage: ./run flask routes")
    assert "The application in shop.wsgi is no Flask object." in done.stderr


def test_the_file_to_open_is_the_last_of_the_applications_own(tmp_path: Path) -> None:
    for name in ("views.py", ".venv/lib/x.py", "var/env/y.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def opened(*names: str) -> list[str]:
        frames = "".join(f'  File "{name}", line 7, in f\n' for name in names)
        remedy = raised(tmp_path, f"{frames}RuntimeError: x").remedy
        return [line for line in remedy if "EDITOR" in line]

    own = tmp_path / "views.py"
    installed = (tmp_path / ".venv/lib/x.py", tmp_path / "var/env/y.py", "/usr/lib/z.py")
    assert opened(str(own), *map(str, installed)) == ["${EDITOR:-vi} +7 views.py"]
    assert opened(*map(str, installed)) == opened("<string>") == []


def test_a_time_limit_while_it_listens_is_a_server() -> None:
    """Whatever server it is."""
    stack = (
        'Timeout (0:00:02)!\nThread 0x01 (most recent call first):\n  File "/srv/shop/x.py", line 1'
    )
    blocks, serves = rehearsed(stack), rehearsed(stack, binds=["0.0.0.0:9000"])
    assert blocks and blocks.slug == "app-blocks"
    assert serves and serves.slug == "app-serves"
    assert "0.0.0.0:9000" in serves.what


def test_of_several_threads_the_main_one_is_shown() -> None:
    stack = (
        'Timeout (0:00:02)!\nThread 0x02 (most recent call first):\n  File "/a/other.py", line 1\n\n'
        'Thread 0x01 (most recent call first):\n  File "/srv/shop/x.py", line 7 in f\n'
    )
    assert tracebacks.crash_stack(events.printed(stack)).splitlines() == [
        "Timeout (0:00:02)!",
        "Thread 0x01 (most recent call first):",
        '  File "/srv/shop/x.py", line 7 in f',
    ]


def test_of_several_threads_the_one_that_crashed_is_shown() -> None:
    """As in a process that serves requests, where it is neither the first nor the last."""
    others = (
        "Thread 0x01 (most recent call first):\n  <no Python frame>\n\n",
        'Thread 0x03 (most recent call first):\n  File "/a/other.py", line 3 in wait\n\n',
    )
    crashed = (
        'Current thread 0x02 (most recent call first):\n  File "/a/ctypes.py", line 1 in string_at\n'
        '  File "/srv/shop/x.py", line 7 in f\n\n'
    )
    head = "Fatal Python error: Segmentation fault\n\n"
    for dump in ((others[0], crashed, others[1]), (*others, crashed), (crashed, *others)):
        stack = tracebacks.crash_stack(events.printed(head + "".join(dump)))
        assert stack == f"{head}{crashed}".replace("\n\n", "\n").rstrip()
    # Python does not know the thread of a library.
    stack = tracebacks.crash_stack(events.printed(head + "".join(others[::-1])))
    assert stack.splitlines()[1:] == others[1].splitlines()[:2]


def test_a_line_of_another_process_between_the_pieces_of_a_crash() -> None:
    told = (
        "Fatal Python error: Segmentation fault[Sun Nov 29 10:36:01 2026] [wsgi:info] [pid 7] Loading"
        " Python script file '/x/flask_modwsgi/worker/entry.py'.\n\nCurrent thread 0x01 (most recent"
        ' call first):\n  File "/srv/shop/x.py", line 7 in f\n'
    )
    assert tracebacks.crash_stack(events.printed(told)).splitlines() == [
        "Fatal Python error: Segmentation fault",
        "Current thread 0x01 (most recent call first):",
        '  File "/srv/shop/x.py", line 7 in f',
    ]


def test_tracebacks_of_two_threads_are_told_apart() -> None:
    one = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: one"]
    two = ["Traceback (most recent call last):", '  File "b.py", line 2', "ValueError: two"]
    first, second = stamped(*one, pid=1), stamped(*two, pid=2)
    mixed = [line for pair in zip(first, second, strict=True) for line in pair]
    assert tracebacks.tracebacks(mixed) == ["\n".join(one), "\n".join(two)]


def raised_by(own: Path, source: str) -> str:
    """What Python prints of it, in the folder `own`."""
    command = [sys.executable, "-c", source]
    return subprocess.run(command, cwd=own, capture_output=True, text=True).stderr


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("{own}/uploads/2026/a.png", "uploads"),
        ("uploads/a.png", "uploads"),
        ("uploads", "uploads"),  # to be made
        ("/var/cache/shop", "shop"),
    ],
)
def test_a_folder_that_the_unit_or_the_container_keeps_read_only(
    tmp_path: Path, path: str, names: str
) -> None:
    """While it is loaded, and in what `./run explain` knows of an error that it has now."""
    path = path.format(own=tmp_path)
    source = f"import os\nraise OSError(30, os.strerror(30), {path!r})"
    traceback = raised_by(tmp_path, source)
    found = import_failures.denied(traceback, "blog", tmp_path)
    assert found and found.slug == "folder-read-only"
    assert str(import_failures.from_traceback(traceback, "blog", tmp_path)) == str(found)
    assert path in found.what
    assert "var/data" in found.why and "ReadWritePaths=" in found.why
    (tmp_path / "shop.py").write_text(f"FOLDER = '/srv/{names}'\n")
    done = subprocess.run(found.remedy[0], shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("./shop.py:1:")


def test_a_data_folder_that_is_read_only_is_the_disks(tmp_path: Path) -> None:
    path = tmp_path / "var/data/a.png"
    last = f"OSError: [Errno 30] Read-only file system: '{path}' -> '{path}.old'"
    assert raised(tmp_path, last).slug == "disk-read-only"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES])
def test_a_file_that_the_application_may_not_use(tmp_path: Path, number: int) -> None:
    """Such as one of another user, whose permissions it changes."""
    source = f"import os\nraise OSError({number}, os.strerror({number}), '/srv/a.txt')"
    found = import_failures.denied(raised_by(tmp_path, source), "blog", tmp_path)
    assert found and found.slug == "permission-denied"
    assert "/srv/a.txt" in found.what


def shown_by(command: str, own: Path) -> str:
    """What a command prints that is typed in a project's folder; it has to succeed."""
    done = subprocess.run(command, shell=True, cwd=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", ["flask_session", "cache/pages/a", "{own}/shop.log"])
def test_a_file_that_cannot_be_made(tmp_path: Path, path: str) -> None:
    """Paths count from the folder the application runs in, and what is not there has no permissions."""
    path = path.format(own=tmp_path)
    source = f"import os\nraise PermissionError(13, os.strerror(13), {path!r})"
    found = import_failures.denied(raised_by(tmp_path, source), "me", tmp_path)
    assert found and found.slug == "permission-denied"
    assert f"User me has no permission to use {tmp_path / path}." in found.what
    assert f"me would have to make it in {tmp_path}, " in found.why
    (tmp_path / "shop.py").write_text(f"FILE = {path!r}\n")
    folders, code = (shown_by(command, tmp_path) for command in found.remedy)
    assert Path(folders.split()[-1]).name == tmp_path.name
    assert code.startswith("./shop.py:1:")


@pytest.mark.parametrize("path", ["kept/a.txt", "kept"])
def test_permissions_are_shown_of_what_there_is(tmp_path: Path, path: str) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/a.txt").touch()
    found = raised(tmp_path, f"PermissionError: [Errno 13] Permission denied: '{path}'")
    [command] = found.remedy
    assert Path(shown_by(command, tmp_path.parent).split()[-1]).name == Path(path).name
    assert "make it" not in found.why


@pytest.mark.parametrize("has_namei", [True, False])
def test_permissions_are_shown_of_each_folder_above(
    tmp_path: Path, has_namei: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there is no namei, as on Alpine and macOS."""
    if has_namei and not shutil.which("namei"):
        pytest.skip("install namei, from util-linux")
    if not has_namei:
        monkeypatch.setattr(shutil, "which", lambda name: None)
    path = tmp_path / "it's here" / "a b"
    path.mkdir(parents=True)
    command = systems.show_way(path)
    assert command.startswith("namei -l " if has_namei else "ls -ld / ")
    shown = shown_by(command, tmp_path).splitlines()
    rows = [row for row in shown if re.match(r"d[r-][w-][xst-]", row.strip())]
    assert len(rows) == len(path.parents) + 1
    assert rows[-1].endswith("a b")


DATABASES = "data/app.db", "db/x/app.db"


@pytest.mark.parametrize("path", DATABASES)
def test_a_database_elsewhere_is_looked_for(tmp_path: Path, path: str) -> None:
    """Where all that setup made for the application is its user's already."""
    data = Project(tmp_path).data
    (data / "uploads").mkdir(parents=True)
    (data / "uploads/a.png").touch()
    (data / "uploads/newest").symlink_to("a.png")
    me = accounts.by_id(os.geteuid()).user
    last = "sqlite3.OperationalError: unable to open database file"
    found = import_failures.from_traceback(f"Traceback:\n{last}", me, tmp_path)
    assert found.slug == "database-unwritable"
    assert f"All files in var/data belong to {me} already" in found.why
    (tmp_path / "shop.py").write_text(f"PATH = {path!r}\n")
    assert [shown_by(command, tmp_path) for command in found.remedy] == [
        f"./shop.py:1:PATH = {path!r}\n"
    ]


@pytest.mark.parametrize("closed", ["app.db", "notes"])
def test_a_database_that_its_owner_may_not_write(tmp_path: Path, closed: str) -> None:
    """A new owner would change nothing there."""
    data = Project(tmp_path).data
    (data / "notes").mkdir(parents=True)
    (data / "app.db").touch()
    path = data / closed
    path.chmod(0o500)
    me = accounts.by_id(os.geteuid()).user
    last = "sqlite3.OperationalError: attempt to write a readonly database"
    [command] = import_failures.from_traceback(f"Traceback:\n{last}", me, tmp_path).remedy
    shown_by(command, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
@pytest.mark.parametrize("foreign", ["app.db", "notes/x.db", "."])
def test_a_database_of_another_user_changes_its_owner(tmp_path: Path, foreign: str) -> None:
    data = Project(tmp_path).data
    (data / "notes").mkdir(parents=True)
    for file in (data / "app.db", data / "notes/x.db"):
        file.touch()
    other = pwd.getpwnam("daemon")
    os.chown(data / foreign, other.pw_uid, other.pw_gid)
    last = "sqlite3.OperationalError: attempt to write a readonly database"
    [command] = import_failures.from_traceback(f"Traceback:\n{last}", "root", tmp_path).remedy
    shown_by(command, tmp_path)
    assert (data / foreign).stat().st_uid == 0


def linked_data(own: Path, place: Path) -> None:
    place.mkdir(parents=True)
    (place / "app.db").touch()
    (own / "var").mkdir(parents=True)
    Project(own).data.symlink_to(place)


READ_ONLY = "Traceback:\nsqlite3.OperationalError: attempt to write a readonly database"


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_a_database_behind_a_link_changes_its_owner(open_folder: Path) -> None:
    """`chown -R` itself follows no link."""
    own, place = open_folder / "blog", open_folder / "shared/blog data"
    linked_data(own, place)
    other = pwd.getpwnam("daemon")
    for path in (place, place / "app.db"):
        os.chown(path, other.pw_uid, other.pw_gid)
    told = import_failures.from_traceback(READ_ONLY, "root", own)
    assert str(Project(own).data) in told.why
    [command] = told.remedy
    shown_by(command, own)
    assert [path.stat().st_uid for path in (place, place / "app.db")] == [0, 0]


def test_a_database_behind_a_link_that_its_owner_may_not_write(tmp_path: Path) -> None:
    own, place = tmp_path / "blog", tmp_path / "shared"
    linked_data(own, place)
    place.chmod(0o500)
    me = accounts.by_id(os.geteuid()).user
    [command] = import_failures.from_traceback(READ_ONLY, me, own).remedy
    shown_by(command, own)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("theirs", ["var", "var/data", "../shared"])
@pytest.mark.parametrize("instance", [True, False])
def test_no_link_that_another_user_could_have_made_gives_a_folder_away(
    open_folder: Path, theirs: str, instance: bool
) -> None:
    own, place = open_folder / "blog", open_folder / "shared/data"
    linked_data(own, place)
    if instance:
        (own / "instance").mkdir()
    os.chown(own / theirs, 65534, 65534, follow_symlinks=False)
    told = import_failures.from_traceback(READ_ONLY, "www-data", own)
    assert told.remedy == (systems.show_way(Project(own).data),)
    assert "could have made" in told.why


@pytest.mark.parametrize("target", ["missing", "data"])
def test_a_link_that_leads_nowhere_is_shown(tmp_path: Path, target: str) -> None:
    own = tmp_path / "blog"
    (own / "var").mkdir(parents=True)
    Project(own).data.symlink_to(target)
    told = import_failures.from_traceback(READ_ONLY, "www-data", own)
    assert told.remedy == (systems.show_way(Project(own).data),)


@pytest.mark.parametrize(
    "last",
    [
        "sqlite3.OperationalError: unable to open database file",
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) attempt to write a readonly database",
    ],
)
def test_a_database_that_cannot_be_written(last: str, tmp_path: Path) -> None:
    found = import_failures.from_traceback(
        f"Traceback (most recent call last):\n{last}", "me", tmp_path
    )
    assert found.slug == "database-unwritable"
    assert found.remedy == (systems.as_root(f"chown -Rh me: {tmp_path}/var/data"),)


@pytest.mark.parametrize("package", ["shop.py", "src/shop"])
def test_a_database_in_an_instance_folder_that_the_project_already_had(
    tmp_path: Path, package: str
) -> None:
    """The command moves its files to where the application may write, and setup makes the link."""
    table = f'[tool.flask-modwsgi]\napp_name = "shop"\npackage = "{package}"\n'
    (tmp_path / "pyproject.toml").write_text(table)
    own = Project(tmp_path)
    instance = own.import_folder / "instance"
    instance.mkdir(parents=True)
    (instance / "app.db").write_text("rows")
    (tmp_path / "run").write_text(
        f"#!/bin/sh\n[ $1 = setup ] && ln -s {own.data} {instance}\n", "utf-8"
    )
    (tmp_path / "run").chmod(0o755)
    own.data.mkdir(parents=True)
    me = accounts.by_id(os.geteuid()).user
    last = "sqlite3.OperationalError: attempt to write a readonly database"

    def shown() -> Problem:
        return import_failures.from_traceback(f"Traceback:\n{last}", me, tmp_path)

    move, look = shown().remedy
    assert look.startswith("find ")
    if os.geteuid() == 0:  # others are asked for root's password
        subprocess.run(move, shell=True, cwd=tmp_path, check=True)
        assert (own.data / "app.db").read_text() == (instance / "app.db").read_text() == "rows"
        assert len(list(instance.parent.glob("instance.*"))) == 1
        (look,) = shown().remedy  # all of it is the user's now, and the instance folder a link
        assert look.startswith("find ")


def installed(own: Path) -> Path:
    """The folder of packages, with the ``RECORD`` of Jinja2, none of whose files is there.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    packages = own / ".venv/lib/python3.11/site-packages"
    metadata = packages / "Jinja2-3.1.6.dist-info"
    metadata.mkdir(parents=True)
    rows = (
        "jinja2/__init__.py",
        "jinja2/utils.py",
        "jinja2/py.typed",
        "jinja2/_fast.cpython-311.so",
    )
    lines = (f"{row},sha256=x,{0 if row.endswith('typed') else 9}\n" for row in rows)
    (metadata / "RECORD").write_text("".join(lines) + "Jinja2-3.1.6.dist-info/RECORD,,\n")
    return packages


LOST = {
    "all of it": ("", "ModuleNotFoundError: No module named 'jinja2'"),
    "a module": ("utils", "ModuleNotFoundError: No module named 'jinja2.utils'"),
    "a compiled one": ("_fast", "ModuleNotFoundError: No module named 'jinja2._fast'"),
    "one of a name": ("utils", "ImportError: cannot import name 'utils' from 'jinja2' (/j.py)"),
    "what has the names": (
        "__init__",
        "ImportError: cannot import name 'Template' from 'jinja2' (unknown location)",
    ),
    "what has attributes": (
        "__init__",
        "AttributeError: module 'jinja2' has no attribute 'Template'",
    ),
}


@pytest.mark.parametrize("how", ["removed", "emptied"])
@pytest.mark.parametrize(("lost", "last"), LOST.values(), ids=LOST)
def test_a_package_whose_files_were_removed(tmp_path: Path, lost: str, last: str, how: str) -> None:
    """It is not to be listed, which it is: a setup that finds it installed leaves it as it is."""
    packages = installed(tmp_path)
    (packages / "jinja2").mkdir()
    for name in ("__init__.py", "utils.py", "py.typed", "_fast.cpython-311.so"):
        file = packages / "jinja2" / name
        is_lost = not lost or name.startswith(lost)
        if not is_lost or how == "emptied":
            file.write_text("" if is_lost or name == "py.typed" else "x = 'it'\n")
    if not lost and how == "removed":
        (packages / "jinja2/py.typed").unlink(missing_ok=True)
        (packages / "jinja2").rmdir()
    problem = raised(tmp_path, last)
    assert problem.slug == "package-damaged"
    assert "Jinja2" in problem.what
    assert problem.remedy[0].startswith("./run setup --rebuild")


@pytest.mark.parametrize(
    ("last", "slug"),
    [
        ("ModuleNotFoundError: No module named 'jinja2.contrib'", "module-lacking"),
        ("ImportError: cannot import name 'Markup' from 'jinja2' (/j.py)", "app-broken"),
        ("ModuleNotFoundError: No module named 'yaml'", "package-missing"),
    ],
)
def test_what_a_whole_package_never_had(tmp_path: Path, last: str, slug: str) -> None:
    """Files that are not imported may be gone: images are made smaller without the tests."""
    packages = installed(tmp_path)
    (packages / "jinja2").mkdir()
    (packages / "jinja2/__init__.py").write_text("x = 'it'\n")
    assert raised(tmp_path, last).slug == slug


def test_a_package_that_setup_installed_and_that_is_gone(tmp_path: Path) -> None:
    """With its metadata, as by ``pip uninstall``: listed it is all the same."""
    packages = installed(tmp_path)
    record = tmp_path / ".venv/setup.json"
    record.write_text('{"packages": {"flask-login": "0.6.3", "jinja2": "3.1.6"}}')
    problem = raised(tmp_path, "ModuleNotFoundError: No module named 'flask_login'")
    assert (problem.slug, "flask-login" in problem.what) == ("package-damaged", True)
    (packages / "Flask_Login-0.6.3.dist-info").mkdir()
    assert raised(tmp_path, "ModuleNotFoundError: No module named 'yaml'").slug == "package-missing"
