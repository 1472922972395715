"""``./run --completion SHELL``: a script that completes verbs and options, from their parsers."""

import shlex
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping

from ..config import settings

COMMANDS = ("run", "flask-modwsgi")  # as they are typed, without a path
ASKING = {"help": "the options of a verb", "--version": "the version"}
Words = Mapping[str, str]  # each word, and what it means


def bash(verbs: Words, options: Mapping[str, Words]) -> str:
    """https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html"""
    cases = "".join(
        f"    {verb}) words={shlex.quote(' '.join(options[verb]))} ;;\n" for verb in verbs
    )
    first = shlex.quote(" ".join([*verbs, *ASKING]))
    return (
        "_flask_modwsgi() {\n"
        '  local words="" current=${COMP_WORDS[COMP_CWORD]}\n'
        f"  case ${{COMP_CWORD}}:${{COMP_WORDS[1]}} in\n    1:* | 2:help) words={first} ;;\n"
        "  esac\n"
        '  [ "$words" ] || case ${COMP_WORDS[1]} in\n'
        f"{cases}  esac\n"
        '  COMPREPLY=($(compgen -W "$words" -- "$current"))\n}\n'
        f"complete -o default -F _flask_modwsgi {' '.join(COMMANDS)}\n"
    )


def zsh(verbs: Words, options: Mapping[str, Words]) -> str:
    """https://zsh.sourceforge.io/Doc/Release/Completion-System.html"""

    def described(words: Words) -> str:
        rows = (f"{word}:{text}".replace("\n", " ") for word, text in words.items())
        return " ".join(map(shlex.quote, rows))

    cases = "".join(f"    {verb}) words_=({described(options[verb])}) ;;\n" for verb in verbs)
    return (
        "_flask_modwsgi() {\n"
        f"  local -a words_\n  if (( CURRENT == 2 )) || [[ $words[2] == help ]]; then\n"
        f"    words_=({described({**verbs, **ASKING})})\n"
        f"  else\n    case $words[2] in\n{cases}    esac\n  fi\n"
        "  _describe word words_ || _files\n}\n"
        f"compdef _flask_modwsgi {' '.join(COMMANDS)}\n"
    )


def fish(verbs: Words, options: Mapping[str, Words]) -> str:
    """https://fishshell.com/docs/current/completions.html"""
    lines = []
    first = _quoted("__fish_use_subcommand; or __fish_seen_subcommand_from help")
    for command in COMMANDS:
        begin = f"complete --command {command}"
        for word, text in {**verbs, **ASKING}.items():
            at_first = f"--condition {first} --no-files"
            lines.append(f"{begin} {at_first} --arguments={word} --description {_quoted(text)}")
        for verb in verbs:
            after = _quoted(f"__fish_seen_subcommand_from {verb}")
            for word, text in options[verb].items():
                spelt = f"--arguments={word}"
                lines.append(f"{begin} --condition {after} {spelt} --description {_quoted(text)}")
    return "\n".join([*lines, ""])


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}


def script(shell: str, parsers: Mapping[str, ArgumentParser]) -> str:
    """The text for one of `SHELLS`."""
    verbs = {name: (parser.description or "").rstrip(".") for name, parser in parsers.items()}
    options = {name: dict(_options(parser)) for name, parser in parsers.items()}
    return SHELLS[shell](verbs, options)


def _options(parser: ArgumentParser) -> Iterator[tuple[str, str]]:
    """The long options of a verb; a setting is described by the first sentence about it."""
    for action in parser._actions:
        declared = settings.SETTINGS.get(action.dest)
        about = declared.about.partition(". ")[0].rstrip(".") if declared else str(action.help)
        yield from ((name, about) for name in action.option_strings if name.startswith("--"))


def _quoted(text: str) -> str:
    """As fish reads it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
