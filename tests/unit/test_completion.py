"""`./run --completion SHELL`: the shells themselves take it, and it has every verb and option."""

import shutil
import subprocess
from pathlib import Path

import pytest

from flask_modwsgi.cli import command_line, completion
from flask_modwsgi.cli.verbs import VERBS
from flask_modwsgi.problems.problem import Problem


def shell(name: str, *words: str | Path, script: str) -> str:
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed; on Debian: apt-get install {name}")
    done = subprocess.run([name, *words], input=script, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("name", completion.SHELLS)
def test_it_has_every_verb_and_setting(name: str) -> None:
    script = command_line.completing([name], "./run")
    for verb in VERBS:
        assert verb.name in script
    for option in ("--max-upload-mb", "--rebuild", "--follow", "--json"):
        assert option in script


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("./run sta", {"start", "status"}),
        ("./run help rel", {"reload"}),
        ("./run --ver", {"--version"}),
        ("./run setup --re", {"--rebuild"}),
        ("./run start --max-u", {"--max-upload-mb"}),
        ("./run stop --max-u", set()),
    ],
)
def test_bash(line: str, expected: set[str]) -> None:
    words = line.split()
    script = command_line.completing(["bash"], "./run")
    script += f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _flask_modwsgi\n"
    assert set(shell("bash", script=f'{script}echo "${{COMPREPLY[@]}}"').split()) == expected


@pytest.mark.parametrize(("name", "check"), [("zsh", "-n"), ("fish", "--no-execute")])
def test_the_shell_parses_it(name: str, check: str, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text(command_line.completing([name], "./run"))
    shell(name, check, file, script="")


def test_fish_completes() -> None:
    script = command_line.completing(["fish"], "./run")
    shown = shell("fish", "--no-config", script=f"{script}complete --do-complete './run sta'\n")
    assert {line.partition("\t")[0] for line in shown.splitlines()} == {"start", "status"}


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_another_shell(words: list[str]) -> None:
    with pytest.raises(Problem, match="takes one of bash, zsh, fish") as wrong:
        command_line.completing(words, "./run")
    assert wrong.value.slug == "command-wrong"
