"""What docs/deploy.md has people type, and what it shows of the answers."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text("utf-8")
REPOSITORY = "https://git.example.com/hello-flask.git"


def typed(heading: str) -> list[tuple[str, list[str]]]:
    """The commands of a section, each with the lines that are shown below it."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", section, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("# "):
                found.append((line[2:].replace(REPOSITORY, "/srv/hello-flask"), []))
            else:
                found[-1][1].append(shape(line))
    return found


def shape(text: str) -> str:
    """Without what differs between machines: numbers and spaces, and so where lines are broken."""
    text = re.sub(r"(\d+ min )?\d+ s\b", "N s", re.sub(r"\s+", " ", text.strip()))
    return re.sub(r"\d+(\.\d+)*", "N", text)
