"""The catalogue of problems and the parts of doctor, where nothing needs to be built or broken.

What programs of macOS print was written down from their documentation and from issue reports; none
of it was recorded by these tests.
"""

import contextlib
import errno
import io
import json
import os
import platform
import re
import resource
import runpy
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from conftest import ROOT

from flask_modwsgi import problems, terminal
from flask_modwsgi.apache.app_profile import AppProfile
from flask_modwsgi.cli import examination
from flask_modwsgi.config import safety
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import (
    check_machine,
    check_macos,
    check_places,
    check_settings,
    checklist,
    finding,
    redaction,
    report,
)
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.logs import rendering
from flask_modwsgi.machine import capacity, selinux, trust
from flask_modwsgi.problems import systems
from flask_modwsgi.problems.catalogue import CATALOGUE
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import import_check

FAMILIES = ("debian", "fedora", "alpine", "arch", "suse", "macos")


def test_every_problem_says_what_and_why_and_what_to_type() -> None:
    for make in CATALOGUE:
        problem = make()
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+|unforeseen|killed", problem.slug)
        assert problem.what and problem.why and problem.remedy
        assert not any("\n" in line for line in (problem.why, *problem.remedy)), problem.slug
        for sentence in (problem.what.splitlines()[0], problem.why):
            assert sentence.endswith((".", ":")), problem.slug


def test_no_remedy_does_harm() -> None:
    """None deletes, discards edits, sets a clock, or lets every user read a file."""
    harmful = r"\brm\b(?! --cached)|\bdate -s|\bchmod (o\+|a|\+|6|7)[^0]"
    harmful += r"|\bgit (checkout|restore|reset) (?!-- )"
    for make in CATALOGUE:
        for command in make().remedy:
            assert not re.search(harmful, command), command
    closed = [(Path("/root"), "drwx------", "enter")]
    home = problems.path_unreachable("www-data", closed, Path("/root/blog"))
    assert home.remedy == ("mv /root/blog /srv/ && /srv/blog/run setup",)
    secret = [(Path("/etc/shadow"), "-rw-r-----", "read")]
    outside = problems.path_unreachable("www-data", secret, Path("/srv/blog"))
    assert outside.remedy == (systems.show_way("/etc/shadow"),)


def test_the_page_is_made_from_the_catalogue() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "troubleshooting.py"))["page"]()
    assert (ROOT / "docs" / "troubleshooting.md").read_text("utf-8") == made, "make tables"


def test_the_page_has_a_line_for_every_system() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    for line in ("sudo apt-get", "sudo dnf", "sudo apk", "sudo pacman", "sudo zypper", "brew"):
        assert f"`{line} " in page
    for make in CATALOGUE:
        assert f"### `{make().slug}`" in page


@pytest.mark.parametrize("family", FAMILIES)
def test_commands_follow_the_system(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "family", lambda: family)
    assert ("lsof" in systems.port_owner(80)) == (family == "macos")
    assert ("sed -i ''" in systems.replace_in(".env", "s/a/b/")) == (family == "macos")
    assert ("addgroup" in systems.new_user("app")) == (family == "alpine")
    assert ("useradd --system --user-group " in systems.new_user("app")) == (
        family not in ("alpine", "macos")
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    line = systems.install("bash")
    assert line.endswith(" bash")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for tool, asking in (("/usr/bin/sudo", f"sudo {line}"), (None, f"su root -c '{line}'")):
        monkeypatch.setattr(shutil, "which", lambda name, tool=tool: tool)
        assert systems.install("bash") == (line if family == "macos" else asking)


def test_a_problem_crosses_a_process_border() -> None:
    for make in CATALOGUE:
        before = make()
        after = Problem.from_json(json.dumps(before.as_dict()))
        assert str(after) == str(before)
    for text in ("", "[]", "{}", '"x"', "null", '{"problem": 1}'):
        with pytest.raises(ValueError):
            Problem.from_json(text)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.colours(Terminal())
    assert not terminal.colours(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.colours(Terminal())
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.colours(Terminal())


def test_colours_change_no_word() -> None:
    for make in CATALOGUE:
        coloured = make().told(coloured=True)
        assert "\033[36m" in coloured and "\033[1;31m" in coloured
        assert re.sub(r"\033\[[\d;]*m", "", coloured) == str(make())


def test_no_check_ends_in_a_traceback_and_no_problem_is_told_twice() -> None:
    def refuses(facts: Facts) -> str:
        raise problems.debug_on("1")

    def fails(facts: Facts) -> str:
        return str(1 // 0)

    def lacks(facts: Facts) -> str:
        raise ModuleNotFoundError("No module named 'dotenv'", name="dotenv")

    def may_not(facts: Facts) -> str:
        raise PermissionError(13, "Permission denied", "/srv/blog/.env")

    looks: list[Callable[[Facts], str | None]] = [
        *(refuses, refuses, fails, lacks),
        *(lambda facts: None, lambda facts: "fine", lambda facts: finding.Note("hm")),
        may_not,
    ]
    listed = [finding.Check(str(number), look) for number, look in enumerate(looks)]
    found = list(finding.run(listed, Facts(Project(ROOT))))
    assert [(row.check, row.state) for row in found] == [
        *(("0", "problem"), ("1", "skipped"), ("2", "problem")),
        *(("3", "skipped"), ("5", "ok"), ("6", "note"), ("7", "skipped")),
    ]
    assert found[-1].value == "you may not read /srv/blog/.env"
    assert found[1].value == "because of 0"
    assert "ZeroDivisionError" in str(found[2].problem) and "test_doctor_units" in str(
        found[2].problem
    )
    assert len(finding.problems_of(found)) == 2


def test_every_check_has_a_name_of_its_own_that_fits_the_table() -> None:
    names = [one.name for one in checklist.CHECKS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 16
    assert {verb for one in checklist.CHECKS for verb in one.before} == {"setup", "serve", "load"}


def settings_of(**values: Any) -> Any:
    given = {"processes": 2, "threads": 5, "host": "127.0.0.1", "port": 8000, "mode": ""} | values
    return SimpleNamespace(settings=SimpleNamespace(**given))


def refused(look: Callable[..., object], *arguments: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        look(*arguments)
    return caught.value


def test_limits_that_are_too_low(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "most_tasks", lambda: None)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (200, 200))
    assert "200 open files" in refused(check_machine.open_files, settings_of()).what
    assert "200 processes" in refused(check_machine.tasks, settings_of()).what
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: unlimited)
    assert check_machine.open_files(settings_of()) == "unlimited"
    assert "2334 needed" in check_machine.tasks(settings_of())
    assert "2058 needed" in check_machine.tasks(settings_of(mode="embedded"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(capacity, "most_tasks", lambda: (512, "blog.service"))
    problem = refused(check_machine.tasks, settings_of())
    assert "512 processes (pids.max)" in problem.what
    command = "sudo systemctl set-property blog.service TasksMax=4668 && ./run"
    assert problem.remedy == (command,)
    monkeypatch.setattr(platform, "node", lambda: "3f2a9c")
    monkeypatch.setattr(capacity, "most_tasks", lambda: (512, "cgroup"))  # as in a container
    (command,) = refused(check_machine.tasks, settings_of()).remedy
    assert command.startswith("docker update --pids-limit 4668 3f2a9c ")


def test_selinux_is_a_hint_and_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selinux, "SWITCH", switch := tmp_path / "enforce")
    facts = Facts(Project(tmp_path))
    assert check_machine.selinux(facts) is None
    switch.write_text("0")
    assert check_machine.selinux(facts) == "permissive"
    switch.write_text("1")
    assert isinstance(check_machine.selinux(facts), finding.Note)


@pytest.mark.parametrize(
    "source",
    [
        "application = make()",
        "from x import app as application",
        "from x import *",
        "def application(environ, start_response): ...",
        "if True:\n    application = 1",
        "application: object = 1",
    ],
)
def test_a_wsgi_file_may_name_its_application_in_many_ways(source: str, tmp_path: Path) -> None:
    file = tmp_path / "x.wsgi"
    file.write_text(source)
    check_settings.check_wsgi_file(file)


@pytest.mark.parametrize(
    ("source", "slug"),
    [
        ("app = make()", "app-nameless"),
        ("import application_of_mine", "app-nameless"),
        ("def f(", "wsgi-file-wrong"),
        ("\0", "wsgi-file-wrong"),
    ],
)
def test_a_wsgi_file_that_names_none(source: str, slug: str, tmp_path: Path) -> None:
    file = tmp_path / "x.wsgi"
    file.write_text(source)
    assert refused(check_settings.check_wsgi_file, file).slug == slug


def test_no_variable_of_a_function_is_taken_for_the_application(tmp_path: Path) -> None:
    file = tmp_path / "x.wsgi"
    file.write_text("app = make()\ndef f():\n    result = 1\n    return result\n")
    found = refused(check_settings.check_wsgi_file, file)
    assert found.remedy == ("printf '\\napplication = app\\n' >> x.wsgi",)


def test_the_place_of_a_syntax_error_is_shown_and_opened(tmp_path: Path) -> None:
    file = tmp_path / "x.wsgi"
    file.write_text("import sys\ndef f(:\n")
    found = refused(check_settings.check_wsgi_file, file)
    assert "  |     def f(:\n  |           ^\n  | SyntaxError" in found.told()
    assert found.remedy == ("${EDITOR:-vi} +2 x.wsgi",)


def test_the_way_to_a_file_leads_through_every_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "python").touch()
    (tmp_path / "between").mkdir()
    (tmp_path / "between" / "python").symlink_to("../real/python")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(tmp_path / "between" / "python")
    found = list(trust.steps([tmp_path / "bin" / "python"]))
    for name in ("bin", "between", "between/python", "bin/python"):
        assert tmp_path / name in found
    assert found.index(tmp_path / "between") < found.index(tmp_path / "bin" / "python")
    assert any(path.resolve() == tmp_path / "real" / "python" for path in found)
    (tmp_path / "loop").symlink_to("loop")
    assert tmp_path / "loop" in trust.steps([tmp_path / "loop"])


# Masking


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "db_password", "API_TOKEN", "DATABASE_URL", "MONGO_URI", "DB_PASS"]
)
def test_names_of_secrets(name: str) -> None:
    assert redaction.is_secret(name)
    assert "hush" not in redaction.masked(name, "hushhush")
    assert redaction.masked("PORT", "8000") == "8000"
    assert redaction.masked("CELERY_BROKER", "redis://me:hush@db/0") == "redis://********@db/0"


@pytest.mark.parametrize(
    ("name", "secret"),
    [("PWD", False), ("OLDPWD", False), ("DB_PWD", True), ("MYSQL_PWD", True)],
)
def test_the_folder_of_the_shell_is_no_secret(name: str, secret: bool) -> None:
    assert redaction.is_secret(name) is secret


def test_secrets_of_many_lines_and_short_values() -> None:
    hidden = redaction.secrets(
        {"MY_KEY": "-----BEGIN-----\nabcdefgh\n-----END-----", "PATH": "/bin:/usr/bin"},
        {"A": "1", "PLAIN": "value-of-mine", "FOLDER": "/tmp"},
    )
    shown = redaction.mask("abcdefgh value-of-mine /tmp 1 /bin:/usr/bin", hidden)
    assert shown == "******** ******** /tmp 1 /bin:/usr/bin"
    assert redaction.mask("https://ann:pw@index/simple", []) == "https://********@index/simple"


def test_a_longer_secret_is_masked_before_one_it_contains() -> None:
    hidden = redaction.secrets({"A_KEY": "hunter", "B_KEY": "hunter-and-more"}, {})
    assert redaction.mask("hunter-and-more", hidden) == redaction.MASK


@pytest.mark.parametrize("style", ["text", "json"])
def test_secrets_in_logs(style: str) -> None:
    """Of the application and of requests, whatever is written around them."""
    secret = 'ca-na"ry \\ ünd 4242'
    hidden = redaction.secrets({"A_KEY": secret}, {})
    event = {"time": 1.5, "pid": 7, "level": "error", "logger": "shop", "request_id": ""}
    says = [secret, repr(secret), json.dumps(secret), json.dumps({"key": secret}), quote(secret)]
    records = [json.dumps(event | {"message": said, "exception": said}).encode() for said in says]
    for said in says:
        escaped = said.encode().replace(b"\\", b"\\\\").replace(b"\xc3\xbc", rb"\xc3\xbc")
        records.append(b"[2026-11-22 19:31:20.000000] [wsgi:error] [pid 7] " + escaped)
    shown = b"".join(map(rendering.error_lines(style), records)).decode()
    assert "4242" in shown and "4242" not in redaction.mask(shown, hidden)
    asked = rb'1.2.3.4 - - [%s] "GET /a?b=\"token\\ HTTP/1.1" 200 1 "http://x/?c=token" "-" 5 id'
    when = {"text": b"22/Nov/2026:19:31:20 +0000", "json": b"2026-11-22T19:31:20.000000+0000"}
    line = rendering.access_lines(style)(asked % when[style]).decode()
    assert "token" in line and "/a" in line
    masked = report.without_queries(line)
    assert "token" not in masked and "/a?..." in masked and "200" in masked


# macOS

OTOOL = """\
/Users/ann/blog/.venv/lib/python3.13/site-packages/mod_wsgi/server/mod_wsgi-py313.so:
\t{library} (compatibility version 3.13.0, current version 3.13.0)
\t/usr/lib/libSystem.B.dylib (compatibility version 1.0.0, current version 1351.0.0)
"""
HOMEBREW = "/opt/homebrew/opt/python@3.13/Frameworks/Python.framework/Versions/3.13/Python"
XCODE = "@rpath/Python3.framework/Versions/3.9/Python3"


def test_libraries_of_a_module() -> None:
    assert check_macos.relocatable_python(OTOOL.format(library=HOMEBREW)) is None
    for library in (XCODE, "@rpath/libpython3.12.dylib", "@executable_path/../Python3"):
        assert check_macos.relocatable_python(OTOOL.format(library=library)) == library


def test_signatures() -> None:
    adhoc = """\
Executable=/Users/ann/mod_wsgi-py313.so
Identifier=mod_wsgi-py313
Format=Mach-O thin (arm64)
CodeDirectory v=20400 size=1024 flags=0x20002(adhoc,linker-signed) hashes=29+0 location=embedded
Signature=adhoc
TeamIdentifier=not set
"""
    assert not check_macos.is_signed(adhoc)
    assert not check_macos.is_signed("mod_wsgi-py313.so: code object is not signed at all\n")
    assert check_macos.is_signed("Identifier=com.apple.httpd\nSignature size=4442\n")


def test_system_integrity_protection() -> None:
    assert check_macos.protection("System Integrity Protection status: enabled.\n") == "enabled"
    assert check_macos.protection("System Integrity Protection status: disabled.\n") == "disabled"
    assert check_macos.protection("csrutil: command not found") == "unknown"


@pytest.mark.parametrize(
    ("path", "apples"),
    [
        ("/usr/sbin/httpd", True),
        ("/Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework", True),
        ("/Applications/Xcode.app/Contents/Developer/usr/bin/python3", True),
        ("/opt/homebrew/opt/httpd/bin/httpd", False),
        ("/usr/local/opt/httpd/bin/httpd", False),
        ("/Library/Frameworks/Python.framework/Versions/3.13", False),  # python.org's
    ],
)
def test_what_belongs_to_apple(path: str, apples: bool) -> None:
    assert check_macos.is_apples(path) == apples


def on_macos(monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str]) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    def printed(command: str, *words: object, errors: bool = False) -> str:
        return outputs.get(command, "")

    monkeypatch.setattr(check_macos, "printed", printed)


def a_mac(httpd: str, prefix: str) -> Any:
    built = SimpleNamespace(httpd=Path(httpd), module=Path("mod_wsgi-py313.so"))
    return SimpleNamespace(built=built, python=SimpleNamespace(prefix=Path(prefix)))


def test_the_mac_of_the_original_article(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apple's Apache, Xcode's Python, no command line tools: each is named."""
    outputs = {
        "csrutil": "System Integrity Protection status: enabled.\n",
        "codesign": "mod_wsgi-py313.so: code object is not signed at all\n",
        "otool": OTOOL.format(library=XCODE),
        "xcode-select": "xcode-select: error: unable to get active developer directory, use `sudo"
        " xcode-select --switch path/to/Xcode.app` to set one (or see `man xcode-select`)\n",
    }
    on_macos(monkeypatch, outputs)
    facts = a_mac("/usr/sbin/httpd", "/Library/Developer/CommandLineTools/Python3.framework")
    refusal = refused(check_macos.apache, facts)
    assert refusal.slug == "apple-apache"
    assert "/usr/sbin/httpd" in refusal.what and "Protection: enabled" in refusal.what
    typed = 'brew install httpd && APXS="$(brew --prefix)/bin/apxs" ./run setup --rebuild'
    assert refusal.remedy == (typed,)
    assert refused(check_macos.python, facts).slug == "apple-python"
    assert refused(check_macos.linking, facts).slug == "relocatable-library"
    assert XCODE in refused(check_macos.linking, facts).what
    assert refused(check_macos.tools, facts).slug == "developer-tools-missing"


def test_a_mac_that_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {
        "brew": "httpd 2.4.62 2.4.65\n",
        "codesign": "Signature=adhoc\n",
        "otool": OTOOL.format(library=HOMEBREW),
        "xcode-select": "/Library/Developer/CommandLineTools\n",
    }
    on_macos(monkeypatch, outputs)
    facts = a_mac("/opt/homebrew/opt/httpd/bin/httpd", "/opt/homebrew/opt/python@3.13")
    assert "Homebrew's httpd: 2.4.65" in str(check_macos.apache(facts))
    assert check_macos.python(facts) == "/opt/homebrew/opt/python@3.13"
    assert check_macos.linking(facts) == "mod_wsgi-py313.so"
    assert check_macos.tools(facts) == "/Library/Developer/CommandLineTools"


def test_checks_of_macos_say_nothing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    facts = a_mac("/usr/sbin/httpd", "/usr")
    for look in (check_macos.apache, check_macos.python, check_macos.linking, check_macos.tools):
        assert look(facts) is None


@pytest.mark.parametrize(
    "content", [b"GREETING=hello\nno assignment\n", "A=1\n".encode("utf-16"), b"A=caf\xe9\n"]
)
def test_what_a_start_has_against_the_env_file_is_in_its_own_row(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / ".env"
    file.write_bytes(content)
    file.chmod(0o600)
    (row,) = finding.run([checks()[".env"]], Facts(Project(tmp_path)))
    assert row.problem
    assert row.problem.slug == "env-file-broken"
    file.write_text("A=1\n")
    (row,) = finding.run([checks()[".env"]], Facts(Project(tmp_path)))
    assert (row.state, row.value) == ("ok", "-rw-------")
    file.write_text("A=1\nA=2\n")
    (row,) = finding.run([checks()[".env"]], Facts(Project(tmp_path)))
    assert row.state == "note" and "A is in lines 1 and 2" in row.value


@pytest.mark.parametrize(
    ("weakness", "slug"),
    [(safety.EMPTY, "env-file-missing"), ("", None), ("is an example", "own-secret-weak")],
)
def test_without_an_env_file_the_application_decides_whether_a_key_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weakness: str, slug: str | None
) -> None:
    """As at a start: it may have one of its own, or need none."""
    monkeypatch.delenv("FLASK_SECRET_KEY", raising=False)
    facts = Facts(Project(tmp_path))
    env, secret = finding.run([checks()[".env"], checks()["secret"]], facts)
    assert (env.state, secret.value) == ("note", "not given; the application may have its own")
    profile = AppProfile(secret=weakness)
    trial: Any = SimpleNamespace(outcome=lambda: None)
    monkeypatch.setattr(import_check, "verdict", lambda *words: profile)
    loaded = partial(examination._loaded, trial=trial)
    (row,) = finding.run([finding.Check("application", loaded)], facts)
    assert (row.problem and row.problem.slug) == slug


def checks() -> dict[str, finding.Check]:
    return {check.name: check for check in checklist.CHECKS}


def test_what_is_closed_is_named_with_its_owner() -> None:
    """An owner has the rights of an owner alone; what is another user's project stays theirs."""
    blog = Path("/srv/blog")
    mine = problems.file_closed(blog / ".env", "----------", "ann", "ann", blog)
    assert mine.remedy == ("chmod -R u+rwX /srv/blog/.env",)
    theirs = problems.file_closed(blog / ".env", "-rw-------", "ann", "bob", blog)
    assert "chown" not in str(theirs) and theirs.remedy[0].endswith(("-u ann ./run", "-c './run'"))
    roots = problems.folder_unwritable(blog / "var", "drwxr-xr-x", "root", "ann", blog)
    assert "chown -Rh ann /srv/blog/var" in roots.remedy[0]


@pytest.mark.parametrize("owner", ["root", "ann"])
@pytest.mark.parametrize("place", ["home", "home/.env", "blog/link/log", "blog/../home"])
def test_nothing_outside_of_a_project_is_given_away(tmp_path: Path, place: str, owner: str) -> None:
    """A link that somebody else has made may lead to it, such as one in /tmp."""
    blog = tmp_path / "blog"
    (tmp_path / "home" / "log").mkdir(parents=True)
    blog.mkdir()
    (blog / "link").symlink_to("../home")
    for problem in (problems.file_closed, problems.folder_unwritable):
        told = problem(tmp_path / place, "drwx------", owner, "bob", blog)
        assert told.remedy == (systems.show_way(tmp_path / place),)


def told_by_nobody(ask: Callable[[], str]) -> str:
    """What it returns where the user nobody asks."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.setgid(65534)
            os.setuid(65534)
            os.write(writing, ask().encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading) as told:
        return told.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can close a folder to its user")
@pytest.mark.parametrize("linked", [".env", "var/apache", "var"])
def test_a_link_out_of_a_project_gives_nothing_away(linked: str, open_folder: Path) -> None:
    """Tried by an ordinary user, because nothing is closed to root."""
    blog, closed = open_folder / "blog", open_folder / "home"
    (blog / linked).parent.mkdir(parents=True)
    (closed / "x").mkdir(parents=True)
    closed.chmod(0o700)
    (blog / linked).symlink_to(closed / "x")

    def remedy() -> str:
        error = PermissionError(13, "no", str(blog / linked))
        return "\n".join(check_places.refusal(error, blog / "var", blog).remedy)

    assert told_by_nobody(remedy) == systems.show_way(blog / linked)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("is_theirs", [True, False])
def test_nobody_leads_root_to_give_a_folder_away(open_folder: Path, is_theirs: bool) -> None:
    """Where var/ is a link into a folder like /tmp, in which somebody else has made another link."""
    blog, shared, roots = open_folder / "blog", open_folder / "shared", open_folder / "roots"
    for folder in (blog, shared, roots):
        folder.mkdir()
    (roots / "log").mkdir(mode=0o755)
    (shared / "var").symlink_to(roots)
    (blog / "var").symlink_to(shared / "var")
    if is_theirs:
        os.chown(shared / "var", 54321, 54321, follow_symlinks=False)

    def refusal() -> str:
        with pytest.raises(Problem) as refused:
            check_places.check_ownership(Project(blog), logs=True)
        return f"{refused.value.slug} {refused.value.remedy}"

    told = told_by_nobody(refusal)
    assert told.startswith("file-closed" if is_theirs else "left-by-another")
    assert ("chown" in told) == (not is_theirs)


@pytest.mark.parametrize(
    ("closed", "mode", "used"),
    [
        ("sub/.env", 0o000, "sub/.env"),
        ("sub/.env", 0o070, "sub/.env"),
        ("sub", 0o000, "sub/.env"),
        ("sub", 0o500, "sub/new"),
    ],
)
def test_the_command_opens_what_its_owner_had_closed(
    closed: str, mode: int, used: str, open_folder: Path
) -> None:
    """Tried by an ordinary user, because nothing is closed to root."""
    (open_folder / "sub").mkdir()
    (open_folder / "sub" / ".env").touch()
    if os.geteuid() == 0:
        for path in (open_folder / "sub", open_folder / "sub" / ".env"):
            os.chown(path, 65534, 65534)
    (open_folder / closed).chmod(mode)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            told = check_places.refusal(
                PermissionError(13, "no", open_folder / used), open_folder, open_folder
            )
            os.system(told.remedy[0])
            (open_folder / used).write_text("x")
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("code", "slug", "typed"),
    [
        (errno.EFBIG, "system-refused", "ulimit -f unlimited && ./run"),
        (errno.EAGAIN, "threads-exhausted", "./run doctor"),
        (errno.ENOSPC, "disk-full", ""),
        (errno.EACCES, "folder-unwritable", ""),
    ],
)
def test_why_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, slug: str, typed: str
) -> None:
    """A limit of the shell is no question of who owns the folder."""

    def fail(**options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    with pytest.raises(Problem) as refused:
        check_places.check_writable(tmp_path, tmp_path)
    assert refused.value.slug == slug
    assert refused.value.remedy[0].startswith(typed)


@pytest.mark.parametrize(
    ("code", "slug"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EROFS, "disk-read-only"),
        (errno.EMFILE, "files-exhausted"),
        (errno.EOPNOTSUPP, "sockets-unsupported"),
        (errno.EPERM, "sockets-unsupported"),
    ],
)
def test_why_no_socket_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, slug: str
) -> None:
    """A folder that takes no more files is no folder that takes no sockets."""

    class Refused(socket.socket):
        def bind(self, address: object) -> None:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(socket, "socket", Refused)
    with pytest.raises(Problem) as refused:
        check_places.sockets(Facts(Project(tmp_path)))
    assert refused.value.slug == slug
