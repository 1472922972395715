"""The catalogue of problems: each is a function, and its docstring is what people read.

The first line says what is wrong; lines after ``| `` quote what a program wrote, and each line
after ``$ `` is a command to type. The other lines say why. All are templates of :class:`Template`,
with the function's arguments, what its body returns, and `COMMANDS`. The function's name, with
hyphens, is the problem's. Under ``python -OO``, which removes docstrings, only this name is left.
"""

import inspect
import shlex
import string
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any, ParamSpec

from . import systems
from .problem import Problem

Values = Mapping[str, object]
P = ParamSpec("P")

CATALOGUE: list[partial[Problem]] = []  # a call of each function, with example values
COMMANDS = {
    "install": systems.install,
    "new_user": systems.new_user,
    "compile_tools": systems.COMPILE_TOOLS,
    "change_and_setup": systems.change_and_setup,
    "dependencies": systems.dependencies,
    "find_in_code": systems.find_in_code,
}


def entry(*values: Any) -> Callable[[Callable[P, Values | None]], Callable[P, Problem]]:
    """Turn a function into one that makes its problem, and enter it with values for an example."""

    def enter(function: Callable[P, Values | None]) -> Callable[P, Problem]:
        @wraps(function)
        def make(*args: P.args, **kwargs: P.kwargs) -> Problem:
            bound = inspect.signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            computed = function(*args, **kwargs) or {}
            return _filled(function, {**COMMANDS, **bound.arguments, **computed})

        CATALOGUE.append(partial(make, *values))
        return make

    return enter


class Template(string.Formatter):
    """``str.format``, with four additions.

    ``{path!q}`` is quoted for a shell. ``{text:short}`` is the first and the last seven lines. A
    list is joined, by `joiner` or by what is given: ``{findings:; }``. A function is called with
    what is given: ``{install:python}``.
    """

    def __init__(self, joiner: str) -> None:
        self.joiner = joiner

    def convert_field(self, value: Any, conversion: Any) -> Any:
        if conversion == "q":
            return shlex.quote(str(value))
        return super().convert_field(value, conversion)

    def format_field(self, value: Any, spec: str) -> str:
        if isinstance(value, list | tuple):
            return (spec or self.joiner).join(map(str, value))
        if callable(value):
            return str(value(spec))
        return _short(value) if spec == "short" else format(value, spec)


def _filled(function: Callable[..., object], values: Values) -> Problem:
    slug = function.__name__.replace("_", "-")
    text = function.__doc__ or f"{slug}\nThis Python removes texts (-OO).\n$ ./run explain {slug}"
    what, *lines = inspect.cleandoc(text).splitlines()
    why = [line for line in lines if line[:2] not in ("| ", "$ ")]
    sentences, marked = Template(", "), Template("\n")

    def after(mark: str) -> list[str]:
        found = (line.removeprefix(mark) for line in lines if line.startswith(mark))
        texts = (marked.vformat(template, (), values).strip("\n") for template in found)
        return [line for text in texts for line in text.splitlines()]

    return Problem(
        slug,
        "\n".join([sentences.vformat(what, (), values), *after("| ")]),
        sentences.vformat(" ".join(why), (), values),
        tuple(after("$ ")),
    )


def _short(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join([*lines[:7], "  ...", *lines[-7:]] if len(lines) > 14 else lines)
