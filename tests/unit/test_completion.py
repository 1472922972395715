"""`./run --completion SHELL`: the shells themselves take it, and it has every verb and option."""

import os
import shutil
import subprocess
from pathlib import Path

import pexpect
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


def test_fish_completes() -> None:
    script = command_line.completing(["fish"], "./run")
    shown = shell("fish", "--no-config", script=f"{script}complete --do-complete './run sta'\n")
    assert {line.partition("\t")[0] for line in shown.splitlines()} == {"start", "status"}


def test_zsh_completes(tmp_path: Path) -> None:
    """It has no other way than to press Tab."""
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed; on Debian: apt-get install zsh")
    file = tmp_path / "script"
    file.write_text(command_line.completing(["zsh"], "./run"))
    env = os.environ | {"TERM": "dumb", "PS1": "> "}
    options = {"encoding": "utf-8", "timeout": 60, "dimensions": (40, 200)}
    with pexpect.spawn("zsh", ["-f", "-i"], env=env, **options) as zsh:
        zsh.sendline(f"autoload -Uz compinit && compinit -D -u && source {file} && echo re''ady")
        zsh.expect("ready")
        zsh.send("./run sta\t")
        zsh.expect("start +-- .*status +-- ")
        zsh.send("\x15./run setup --re\t")
        zsh.expect("--rebuild ")
        zsh.send("\x15./run help rel\t")
        zsh.expect("help reload ")


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_another_shell(words: list[str]) -> None:
    with pytest.raises(Problem, match="takes one of bash, zsh, fish") as wrong:
        command_line.completing(words, "./run")
    assert wrong.value.slug == "command-wrong"
