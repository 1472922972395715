"""The documentation of the settings: ``.env.example`` and a table in Markdown. Pure."""

import textwrap

from .safety import SHORTEST_SECRET
from .settings import SETTINGS, Setting

WIDTH = 99

BEGINNING = r"""Settings. `./run setup` makes `.env` from this file. Environment variables win over `.env`.
An empty value means the default. `./run config` shows the values in force. Put a value with spaces,
quotes or other signs in double quotes, and write \" and \\ for a quote and a backslash in it.
"""
# For a generated project: its own pages need no more.
STRICT_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " object-src 'none'"
)
END = f"""\
# If create_app() calls app.config.from_prefixed_env(), Flask reads every variable that begins with
# FLASK_. The secret key signs sessions; `./run setup` writes a random one into `.env`. Allowed: at
# least {SHORTEST_SECRET} characters.
FLASK_SECRET_KEY=

# Any other variable goes to the application as an environment variable, except PYTHONPATH,
# PYTHONHOME and VIRTUAL_ENV. `./run start` reports a name that resembles a setting. The
# application also gets each setting above whose value is not the default. It gets a setting with
# `export` before the name in any case.
"""


def env_example(port: int | str, mount_point: str, policy: str = "") -> str:
    """The whole text of ``.env.example``, with these values for the project."""
    own = {"PORT": port, "MOUNT_POINT": mount_point}
    if policy:
        own["CONTENT_SECURITY_POLICY"] = f'"{policy}"'
    blocks = [
        f"{_comment(_about(setting))}\n"
        f"{_comment(f'Allowed: {setting.parser.allowed}. Default: {setting.default_means}.')}\n"
        f"{name}={own.get(name, setting.default)}"
        for name, setting in SETTINGS.items()
    ]
    return "\n\n".join([_comment(BEGINNING), *blocks, END])


def markdown_table() -> str:
    """A row for each setting."""
    rows = [
        f"| `{name}` | {setting.default_means} | {setting.parser.allowed} | {_about(setting)} |"
        for name, setting in SETTINGS.items()
    ]
    return "\n".join(["| setting | default | allowed | what it is |", "|---|---|---|---|", *rows])


def _about(setting: Setting) -> str:
    return setting.about + " `./run reload` applies a new value." * setting.at_reload


def _comment(text: str) -> str:
    lines = textwrap.wrap(text, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return textwrap.indent("\n".join(lines), "# ")
