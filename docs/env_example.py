"""Writes the template's .env.example from the settings: `make tables`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from flask_modwsgi.config import reference

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "{{cookiecutter.project_slug}}" / ".env.example"


def text() -> str:
    """The whole file."""
    answers = "{{ cookiecutter.port }}", "{{ cookiecutter.__mount_point }}"
    return reference.env_example(*answers, reference.STRICT_POLICY)


if __name__ == "__main__":
    EXAMPLE.write_text(text(), encoding="utf-8")
