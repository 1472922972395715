"""Reads the command line: which verb, and its options. Parsed with the standard library."""

import argparse
import difflib
import textwrap
from collections.abc import Iterable, Sequence
from typing import NoReturn

from .. import __version__, problems
from ..problems.problem import WIDTH, Problem
from .verbs import VERBS, Verb

DESCRIPTION = "Serves a Flask application through Apache and mod_wsgi."
EPILOG = """\
{prog} help VERB has the options of a verb. Options that serve, dev, start and
restart do not know go to mod_wsgi-express: {prog} --threads 10. --json prints
problems, status and doctor as JSON. --version prints the version. Settings are
in .env; {prog} config shows them.
"""
PASSES_ON = """\
Other options go to mod_wsgi-express and win over settings. They are listed by
  .venv/bin/mod_wsgi-express start-server --help
"""
VERBS_BY_NAME = {verb.name: verb for verb in VERBS}


class _Wrong(Exception):
    """What is wrong with the words after the verb, which is the subject of the sentence."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Wrong(f"cannot run: {message.removeprefix('argument ')}")


def read(words: Sequence[str], prog: str) -> tuple[Verb, argparse.Namespace]:
    """The verb and its options; those for mod_wsgi-express are ``options.extra``.

    Prints the help or the version and exits with 0 where that is asked for.

    :param prog: The command as it is typed.
    :raises Problem: a verb, option or value that is not possible.
    """
    words = _with_verb(words)
    if words[0] not in (*VERBS_BY_NAME, "-h", "--help", "--version"):
        what, nearest = f"There is no verb {words[0]!r}", _nearest(words[0], VERBS_BY_NAME)
        if nearest:
            raise problems.command_wrong(f"{what}; the nearest is {nearest}", f"{prog} {nearest}")
        raise problems.command_wrong(what, f"{prog} help")
    whole, of_verb = _parsers(prog)
    try:
        options, options_left = whole.parse_known_args(words)
        verb = VERBS_BY_NAME[options.verb]
        _check_extra(verb, of_verb[verb.name], options_left)
    except _Wrong as wrong:
        example = VERBS_BY_NAME[words[0]].example or words[0]
        raise problems.command_wrong(f"{prog} {words[0]} {wrong}", f"{prog} {example}") from None
    options.extra = options_left
    return verb, options


def _with_verb(words: Sequence[str]) -> list[str]:
    """The words with the verb first: ``help VERB`` is ``VERB --help``, nothing is serve."""
    if words and words[0] == "help":
        return [*(word for word in words[1:2] if word != "help"), "--help"]
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        return ["serve", *words]
    return list(words)


def _parsers(prog: str) -> tuple[_Parser, dict[str, _Parser]]:
    """The parser of the whole command line, and those of the verbs."""
    listed = "\n".join(f"  {verb.name:<9} {verb.summary}" for verb in VERBS)
    whole = _Parser(
        prog=prog,
        usage=f"{prog} [VERB] [OPTIONS]",
        description=f"{DESCRIPTION}\n\n{listed}",
        epilog=EPILOG.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    whole.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    version = f"flask-modwsgi {__version__}"
    whole.add_argument("--version", action="version", version=version, help=argparse.SUPPRESS)
    verbs = whole.add_subparsers(dest="verb", required=True, help=argparse.SUPPRESS, prog=prog)
    for verb in VERBS:
        own = verbs.add_parser(
            verb.name,
            description=f"{verb.summary[0].upper()}{verb.summary[1:]}.",
            epilog=_epilog(verb, prog),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.add_options(own)
        own.add_argument("--json", action="store_true", help="problems, status and doctor as JSON")
    return whole, verbs.choices


def _epilog(verb: Verb, prog: str) -> str:
    lines = [PASSES_ON] if verb.passes_on else []
    if verb.example:
        lines.append(f"Example: {prog} {verb.example}")
    return "\n".join(lines)


def _check_extra(verb: Verb, parser: _Parser, extra: Sequence[str]) -> None:
    """Options that nobody knows; mod_wsgi-express refuses those that are passed on by itself."""
    if not extra:
        return
    name = extra[0].partition("=")[0]
    if not name.startswith("-"):
        raise _Wrong(f"does not take {name!r}")
    if not verb.passes_on:
        nearest = _nearest(name, parser._option_string_actions)
        raise _Wrong(f"has no option {name!r}{nearest and f'; the nearest is {nearest}'}")


def _nearest(word: str, words: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, list(words), n=1)), "")


def told(problem: Problem) -> str:
    """A command that is wrong, in a sentence and an example."""
    return f"{textwrap.fill(problem.what, WIDTH)}\nExample: {problem.remedy[0]}"
