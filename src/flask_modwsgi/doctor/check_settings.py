"""Checks of what the owner of the project writes: settings, secrets, the ``.wsgi`` file."""

import ast
import locale
import os
import stat
import time
import traceback
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

from .. import problems
from ..apache import content_types, precompressed, processes, state
from ..config import mistakes, safety
from ..config.settings import NAMES, source
from ..machine import files, times
from ..setup import environments, syntax
from ..tls import acme, https
from .facts import Facts
from .finding import Note


def env_file(facts: Facts) -> str:
    file = facts.project.env_file
    if not file.exists():
        return Note("none; settings come from the environment or are defaults")
    mode = stat.filemode(file.stat().st_mode)
    if mistakes.exposed(file):
        raise problems.env_file_exposed(file, mode)
    told = mistakes.found(file)
    return Note("; ".join(told)) if told else mode


def settings(facts: Facts) -> str:
    chosen = facts.settings
    given = [name for name in NAMES if source(name, facts.written) != "default"]
    return f"{len(given)} of {len(NAMES)} given; {chosen.processes} x {chosen.threads}"


def secret(facts: Facts) -> str:
    safety.refuse_unsafe(facts.variables)
    given = facts.variables.get("FLASK_SECRET_KEY")
    return f"{len(given)} characters" if given else "not given; the application may have its own"


def certificate(facts: Facts) -> str | None:
    found, awaited = facts.certificate, acme.awaited(facts.project, facts.settings)
    if awaited:
        return Note(awaited)
    if not found:
        return None
    if found.objection:
        return Note(f"clients do not accept it: {found.objection}")
    notes = [*found.doubts, _replaced_certificate(facts)]
    if any(notes):
        return Note("; ".join([str(found), *filter(None, notes)]))
    return str(found)


def _replaced_certificate(facts: Facts) -> str:
    root = state.root(facts.project)
    is_served = processes.apache(root) and "https" in state.read(root).address
    return https.replaced(facts.settings, facts.certificate) if is_served else ""


def run_user(facts: Facts) -> str:
    account = facts.account
    if account.is_me and os.environ.get("RUN_USER", account.user) not in ("", account.user):
        return Note(f"{account.user}; RUN_USER is for root only")
    return f"{account.user}, group {account.group}"


def wsgi_file(facts: Facts) -> str:
    check_wsgi_file(facts.project.wsgi_file)
    return facts.project.wsgi_file.name


def check_wsgi_file(file: Path) -> None:
    """Read the file and do not run it: the application may take long to load.

    :raises Problem: it is missing, is no Python, or defines no ``application``.
    """
    try:
        tree = ast.parse(files.source(file), file.name)
    except FileNotFoundError:
        raise problems.wsgi_file_wrong(file, "does not exist") from None
    except OSError as error:
        raise problems.wsgi_file_wrong(file, f"cannot be read: {error.strerror}") from None
    except SyntaxError as error:
        quote = "".join(traceback.format_exception_only(error))
        reason, line = "is not valid Python", error.lineno or 1
        raise problems.wsgi_file_wrong(file, reason, line, quote) from None
    except ValueError as error:
        raise problems.wsgi_file_wrong(file, f"is not valid Python: {error}") from None
    if {"application", "*"}.isdisjoint(defined(tree)):
        found = syntax.definitions(file.parent, file)
        objects = [name for name, node in found if isinstance(node, ast.Assign | ast.ImportFrom)]
        raise problems.app_nameless(file, objects)


def defined(tree: ast.Module) -> Iterator[str]:
    """Every name that anything in the file may give a value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            yield node.asname or node.name
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def static_folder(facts: Facts) -> str | None:
    """What the application said at the last start; it is not loaded here."""
    seen = state.read(state.root(facts.project))
    folder, url = seen.static_folder, seen.static_url
    if not folder or seen.owner not in (0, os.geteuid()):  # root would walk where others want
        return None
    if not Path(folder).is_dir():
        return Note(f"{folder} was removed since the start; Flask answers for {url}")
    links = sorted(path for path in Path(folder).rglob("*") if path.is_symlink())
    if links:
        return Note(f"links are not served, such as {links[0]}; put a copy there")
    return f"{sum(1 for _ in precompressed.served(Path(folder)))} files at {url}"


def mime_types(facts: Facts) -> str:
    table = content_types.table()
    for ending, kind in ((".css", "text/css"), (".svg", "image/svg+xml"), (".js", "javascript")):
        if kind not in table.get(ending, ""):
            return Note(f"{ending} is {table.get(ending)} on this system, but browsers need {kind}")
    return f"{len(table)} endings"


def clock(facts: Facts) -> str:
    record, now = environments.record(facts.project.environment), time.time()
    if record.exists() and (made := record.stat().st_mtime) > now + 86400:
        raise problems.clock_wrong(times.clock(made), times.clock(now))
    return times.clock(now)


def timezone(facts: Facts) -> str:
    """Names only: rules such as ``CET-1CEST`` and files have other letters in them."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if name.replace("/", "").replace("_", "").isalpha():
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise problems.timezone_unknown(name) from None
    return time.strftime("%Z (UTC%z)")


def language(facts: Facts) -> str:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return Note("this system has no C.UTF-8; the application gets the locale of the shell")
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return "C.UTF-8"
