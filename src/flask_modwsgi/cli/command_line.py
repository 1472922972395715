"""Reads the command line: which verb, and its options. Parsed with the standard library."""

import argparse
import difflib
import re
import shlex
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from .. import problems
from ..config import settings
from ..problems.problem import Problem
from ..terminal import WIDTH
from . import completion
from .verbs import VERBS, Verb

DESCRIPTION = "Serves a Flask application through Apache and mod_wsgi."
EPILOG = """\
{prog} help VERB shows the options of a verb. Settings are in .env; {prog} config
shows them. Also: --json, --version, --completion bash (or zsh, fish).
"""
TAKES_SETTINGS = """\
Every setting is also an option, which wins over .env: --max-upload-mb 100.
{prog} config lists the settings.

"""
VERBS_BY_NAME = {verb.name: verb for verb in VERBS}
ASKING = ("-h", "--help")
# In a remedy: the command without a verb, which stands for the one that was refused.
_BARE = re.compile(r"'\./run'|(?<!\S)\./run(?=\s*(?:$|#|&&))")
_ASSIGNED = re.compile(r"(?<!\S)([A-Z_]+)=")


class _Wrong(Exception):
    """What is wrong with the words after the verb; the verb is the subject of the sentence."""


class _Help(argparse.RawDescriptionHelpFormatter):
    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Every Python shows ``-n, --lines N``, as Python 3.13 does."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class _Parser(argparse.ArgumentParser):
    def __init__(self, **about: Any) -> None:
        super().__init__(formatter_class=_Help, allow_abbrev=False, **about)

    def error(self, message: str) -> NoReturn:
        raise _Wrong(f"cannot run: {message.removeprefix('argument ')}")


def read(words: Sequence[str], prog: str) -> tuple[Verb, dict[str, Any]]:
    """The verb and its options, by name; settings among them are `given`, by their names.

    Prints the help and exits with 0 if that is requested.

    :param prog: The command as it is typed.
    :raises Problem: a verb, option or value that is not possible.
    """
    name, *rest = _with_verb(words)
    if name not in (*VERBS_BY_NAME, *ASKING):
        found = _nearest(name, VERBS_BY_NAME)
        what = f"There is no verb {name!r}{found and f'; the nearest is {found}'}"
        raise problems.command_wrong(what, f"{prog} {found or 'help'}")
    if passes_words([name]) and not (rest[:1] and rest[0] in ASKING):
        return VERBS_BY_NAME[name], {"words": rest[1:] if rest[:1] == ["--"] else rest}
    whole, of_verb = _parsers(prog)
    try:
        found_options, extra = whole.parse_known_args([name, *rest])
        options = vars(found_options)
        verb = VERBS_BY_NAME[options.pop("verb")]
        if extra:
            raise _Wrong(_unknown(extra[0], of_verb[name]))
        if verb.takes_settings:
            given = {setting: options.pop(setting) for setting in settings.NAMES}
            options["given"] = {setting: text for setting, text in given.items() if text}
    except _Wrong as wrong:
        example = VERBS_BY_NAME[name].example or name
        raise problems.command_wrong(f"{prog} {name} {wrong}", f"{prog} {example}") from None
    return verb, options


def completing(words: Sequence[str], prog: str) -> str:
    """The script for the shell that the words name.

    :raises Problem: there is none for it.
    """
    if len(words) == 1 and words[0] in completion.SHELLS:
        return completion.script(words[0], _parsers(prog)[1])
    what = f"{prog} --completion takes one of {', '.join(completion.SHELLS)}"
    raise problems.command_wrong(what, f'eval "$({prog} --completion bash)"')


def passes_words(words: Sequence[str]) -> bool:
    """Whether the words after the verb are another program's command, with its own options."""
    return bool(words) and words[0] in VERBS_BY_NAME and VERBS_BY_NAME[words[0]].passes_words


def _with_verb(words: Sequence[str]) -> list[str]:
    """The words with the verb first: ``help VERB`` is ``VERB --help``, nothing is serve."""
    if words and words[0] == "help":
        return [*(word for word in words[1:2] if word != "help"), "--help"]
    if not words or (words[0].startswith("-") and words[0] not in ASKING):
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
        add_help=False,
    )
    whole.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    verbs = whole.add_subparsers(dest="verb", required=True, help=argparse.SUPPRESS, prog=prog)
    for verb in VERBS:
        about = f"{verb.summary[0].upper()}{verb.summary[1:]}."
        example = f"Example: {prog} {verb.example}" if verb.example else ""
        epilog = TAKES_SETTINGS.format(prog=prog) * verb.takes_settings + example
        own = verbs.add_parser(verb.name, description=about, epilog=epilog)
        for names, about_it in verb.options:
            own.add_argument(*names, **about_it)
        if verb.takes_settings:
            for setting in settings.NAMES:
                spelling = f"--{setting.lower().replace('_', '-')}"
                own.add_argument(spelling, dest=setting, metavar="VALUE", help=argparse.SUPPRESS)
        if not verb.passes_words:
            json = "print problems, status and doctor as JSON"
            own.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=json)
    return whole, verbs.choices


def _unknown(word: str, parser: _Parser) -> str:
    name = word.partition("=")[0]
    if not name.startswith("-"):
        return f"does not take {name!r}"
    found = _nearest(name, parser._option_string_actions)
    return f"has no option {name!r}{found and f'; the nearest is {found}'}"


def _nearest(word: str, words: Iterable[str]) -> str:
    longer = [known for known in words if len(word) > 2 and known.startswith(word)]
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.7)
    return next(iter([*longer, *close]), "")


def told(problem: Problem) -> str:
    """A command that is wrong, in a sentence and an example."""
    return f"{textwrap.fill(problem.what, WIDTH)}\nExample: {problem.remedy[0]}"


def typed_again(problem: Problem, words: Sequence[str], prog: str) -> Problem:
    """The problem, whose commands have the verb and the options that were refused."""
    return replace(problem, remedy=tuple(_again(line, words, prog) for line in problem.remedy))


def _again(remedy: str, words: Sequence[str], prog: str) -> str:
    """An option gives way to what the remedy sets, which it would win over."""
    set_here = {f"--{name.lower().replace('_', '-')}" for name in _ASSIGNED.findall(remedy)}
    kept, rest = list[str](), iter(words)
    for word in rest:
        if word.partition("=")[0] not in set_here:
            kept.append(word)
        elif "=" not in word:
            next(rest, None)
    again = shlex.join([prog, *kept])
    return _BARE.sub(lambda bare: shlex.quote(again) if "'" in bare[0] else again, remedy)
