"""A Jinja extension of the template: what cookiecutter by itself does not offer.

`cruft update` renders two versions of the template with the module of the older one. So what later
versions may count on, here and in hooks/pre_gen_project.py, must not change: the class, the global
functions, and `explain_refusal`.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

PRE_GEN = Path(__file__).resolve().parent / "hooks" / "pre_gen_project.py"
FOLDER = "{{cookiecutter.project_slug}}"


class Refusal(FailedHookException, SystemExit):  # type: ignore[misc] # the first has no types
    """The answers are wrong, and why.

    cookiecutter prints what a failed hook says. cruft catches nothing; Python itself prints the text
    of a SystemExit, and no traceback. Both end with the exit status 1.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text


class TemplateCheckout(Extension):
    """Tells the hooks where the template is, and checks the answers before any file is written.

    The name of the project's folder is the first thing that is rendered when all answers are
    there, also those of a replay file. cookiecutter runs a hook only after it has made that folder,
    which a wrong answer may put anywhere.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # cookiecutter and cruft render the text of a hook with the checkout as working directory.
        environment.globals["template_checkout"] = os.getcwd
        environment.globals["refuse_wrong_answers"] = refuse_wrong_answers
        environment.globals["package_version"] = package_version

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        if source == FOLDER:
            return "{{ refuse_wrong_answers(cookiecutter) }}" + source
        return source


def package_version() -> str:
    """The version of the package in the checkout.

    Files are rendered in the folder that they are in, which is below the checkout.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        source = folder / "src" / "flask_modwsgi" / "__init__.py"
        if source.is_file():
            return str(runpy.run_path(str(source))["__version__"])
    return ""


def refuse_wrong_answers(answers: dict[str, object]) -> str:
    """Nothing, or end cookiecutter with a text that says what is wrong.

    :raises Refusal: an answer is wrong.
    """
    text = runpy.run_path(str(PRE_GEN))["explain_refusal"](answers, answers.get("_output_dir"))
    if text:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        raise Refusal(text.encode(encoding, "backslashreplace").decode(encoding))
    return ""
