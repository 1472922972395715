"""Writes docs/reference.md from the questions, the verbs, the settings and the plugin: `make tables`."""

import contextlib
import io
import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from flask_modwsgi.cli import command_line
from flask_modwsgi.cli.verbs import VERBS
from flask_modwsgi.config import reference

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path(__file__).with_suffix(".md")
BEGINNING = """\
# Reference

`make tables` makes this page from the code.

## Questions

`cookiecutter` asks these questions; they are in `cookiecutter.json`.

"""
SETTINGS = """\
## Settings

Settings are in `.env` or in environment variables, which win. The [guide](guide/settings.md) says how to write values.

"""
VERBS_TEXT = """\
## Verbs

"""
HELP = """
What `./run help VERB` prints:

"""
API = """\
## Package

A project may use these names of flask-modwsgi. Other names in the package may change in any version.
[Update](updating.md#what-a-version-may-change) says what else stays compatible.

| name | what it is |
|---|---|
| `flask-modwsgi` | the same command as `./run`, where the package is installed |
| `apache` | a pytest fixture: it serves the project through Apache on a free port, for the whole run. `apache.url` is the address of the application, with `MOUNT_POINT`, without a slash at the end. The application has the settings in `.env`, so its database and `var/data` are the real ones; an environment variable of pytest wins |
| `flask_modwsgi.pytest_plugin.Apache` | the type of that fixture |
| `request.environ["REQUEST_ID"]` | the id of the request, as in the logs and in `X-Request-ID` |
| `request.environ["flask_modwsgi.threads"]` | how many requests each process works on at once |
| `request.environ["flask_modwsgi.processes"]` | how many processes there are |
| `--json` | an option of every verb; for `flask` and `exec`, write it before the verb. Problems, `status` and `doctor` are then JSON |

## Section in pyproject.toml

`[tool.flask-modwsgi]` describes the application:

| key | default | what it is |
|---|---|---|
| `app_name` | required | the import name, and the name of the process group |
| `package` | `app_name` | the folder or file of the application, which `./run dev` watches |
| `wsgi` | `app_name` with `.wsgi` | the file that Apache loads |
| `apache` | required | `auto`, `system` or `bundled` |
| `made_with` | none | the version that generated the project's files, for `./run --version` |
"""


def questions() -> str:
    """A row for each question, with the default that README has for it."""
    asked = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))
    readme = (ROOT / "README.md").read_text("utf-8")
    defaults = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", readme, re.MULTILINE))
    rows = ["| question | default | what is asked |", "|---|---|---|"]
    for name, default in asked.items():
        if name.startswith("_"):
            continue
        prompt = asked["__prompts__"][name]
        text = prompt if isinstance(prompt, str) else prompt["__prompt__"]
        if isinstance(default, list):
            text += f": {', '.join(default)}"
        source = re.search(r"cookiecutter\.(\w+)", str(default))
        origin = f", made from `{source[1]}`" if source else ""
        rows.append(f"| `{name}` | `{defaults[name]}`{origin} | {text} |")
    return "\n".join(rows)


def verbs() -> str:
    """A row for each verb."""
    rows = [f"| [`./run {verb.name}`](#{verb.name}) | {verb.summary} |" for verb in VERBS]
    return "\n".join(["| verb | what it does |", "|---|---|", *rows, ""])


def helps() -> str:
    """The help of each verb, as a terminal of 80 columns shows it."""
    os.environ["COLUMNS"] = "80"
    parts = []
    for verb in VERBS:
        with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
            command_line.read([verb.name, "--help"], "./run")
        block = "".join(f"    {line}".rstrip() + "\n" for line in text.getvalue().splitlines())
        parts.append(f"### `{verb.name}`\n\n{block}")
    return "\n".join(parts)


def page() -> str:
    """The whole page."""
    parts = [BEGINNING + questions(), SETTINGS + reference.markdown_table()]
    return "\n\n".join([*parts, f"{VERBS_TEXT}{verbs()}{HELP}{helps()}\n{API}"])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
