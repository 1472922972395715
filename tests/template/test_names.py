"""Whatever is answered: a working project that has the text intact, or a clear refusal."""

import html
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable

import pytest
from conftest import CHECKS, QUESTIONS, Bake, Baked, Refuse, derive, typed
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

HOSTILE = [
    '"',
    "'",
    "'''",
    '"""',
    'Bob\'s "Blog"',
    "\\",
    "C:\\new\\table\\",
    '\\"',
    "{name}",
    "{",
    "}}",
    "%}{",
    "{ % raw",
    "100%s %(name)s %h",
    "$HOME ${HOME} $(id) `id`",
    "😀 👩‍👩‍👧 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "</script><script>alert(1)</script>",
    "</title><h1>&amp;&lt;",
    "&#99999999999999999999;",
    "<!-- <?php ?> ]]>",
    "__import__('os').system('id')",
    "import os; os.abort()",
    "''' + str(1/0) + '''",
    "x = [1, 2]\\",
    "# heading",
    "*bold* _it_ [link](javascript:0)",
    " leading and trailing ",
    "\u3000ideographic\u3000",
    "\u0645\u0631\u062d\u0628\u0627 \u202e\u0641\u0644\u0627\u0633\u0643",
    "e\u0301\u0323 Z\u0351\u036b\u0343",
    "\ufeffbyte order mark",
    "\ufffe\U0010ffff",
    "x" * 200,
    "é" * 200,
    "!?",
    "2048",
    "3D prints",
    "class",
    "None",
    "Calendar",
    "Flask",
    "Server",
    "test",
    "-- OPTION",
    "; rm -rf ~ &",
    "a/b/../c",
    "C:",
    "null",
    "[tool.ruff]",
]
REFUSED = [
    "",
    " ",
    "a\nb",
    "a\tb",
    "\x1b[31m",
    "\x7f",
    "\ud800",
    "{{ 7 * 7 }}",
    "{%",
    "{#",
    "x" * 201,
    "mod_wsgi",  # whose package would have this name
]

pieces = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
names = st.lists(pieces, min_size=1, max_size=4).map("".join)
answers = st.fixed_dictionaries(
    {},
    optional={
        question: st.one_of(
            st.text(max_size=12),
            st.from_regex(r"\A[a-z0-9/._ -]{0,12}\Z"),
            st.sampled_from([*sys.stdlib_module_names, "flask", "server", "..", "/", "//", "0"]),
            st.integers(-1, 70000).map(str),
        )
        for question in (
            "project_name",
            "project_slug",
            "app_name",
            "root_path",
            "mount_point",
            "port",
        )
    },
)
few = settings(max_examples=50)
# The same ones each time; two programs run for each.
many = settings(few, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

Test = Callable[[str], None]


def with_examples(values: Iterable[str]) -> Callable[[Test], Test]:
    """`@example` for each."""

    def decorate(test: Test) -> Test:
        for value in values:
            test = example(value)(test)
        return test

    return decorate


def refused(**given_answers: str) -> list[str]:
    """The questions that are refused."""
    derived = derive(**{question: typed(text) for question, text in given_answers.items()})
    return [
        question
        for question, check in CHECKS.items()
        if check(str(derived.get(f"__{question}", derived[question])))
    ]


def check_text(baked: Baked, name: str) -> None:
    """The name is intact in every file it reaches, and the files are what they should be."""
    pyproject = tomllib.loads(baked.read("pyproject.toml"))
    assert pyproject["project"]["description"] == name
    layout = baked.read(f"{baked.answers['app_name']}/templates/layout.html")
    for element in ("title>(.*)</title", 'header dir="auto">(.*)</header'):
        assert html.unescape(re.findall(f"<{element}>", layout)[0]) == name
    assert baked.read("README.md").startswith(f"# {name}\n")
    for source in [*baked.path.rglob("*.py"), *baked.path.glob("*.wsgi")]:
        compile(source.read_bytes(), source, "exec")


SERVE = """
import html, json, re, runpy, sys
for wsgi, name in json.load(sys.stdin):
    modules, path = set(sys.modules), sys.path[:]
    client = runpy.run_path(wsgi)["application"].test_client()
    for address, status in ("/", 200), ("/missing", 404):
        response = client.get(address, headers={"Accept": "text/html"})
        assert response.status_code == status, (wsgi, name, address, response.text)
        assert html.unescape(re.findall("<title>(.*)</title>", response.text)[0]) == name
    assert client.get("/static/style.css").status_code == 200
    for module in set(sys.modules) - modules:
        if module.split(".")[0] == wsgi.rpartition("/")[2][:-5]:
            del sys.modules[module]
    sys.path[:] = path
"""


def check_together(projects: list[tuple[Baked, str]]) -> None:
    """Many projects in one process each: the linter, the formatter, Flask."""
    folder = projects[0][0].path.parents[1]
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet", "--no-cache"]
        done = subprocess.run(ruff, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, (done.stdout + done.stderr)[:2000]
    scripts = [
        (str(baked.path / f"{baked.answers['app_name']}.wsgi"), name) for baked, name in projects
    ]
    done = subprocess.run(
        [sys.executable, "-c", SERVE], input=json.dumps(scripts), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@given(name=names)
@few
def test_name_in_toml(name: str) -> None:
    if not CHECKS["project_name"](name):
        toml = derive(project_name=typed(name))["__toml_name"]
        assert tomllib.loads(f"name = {toml}")["name"] == name


@given(name=names)
@few
def test_defaults_are_accepted(name: str) -> None:
    """What is derived from a name is refused only where it is the name of another module."""
    problems = refused(project_name=name)
    assert set(problems) <= {"project_name", "app_name"}
    if "app_name" in problems:
        derived = derive(project_name=typed(name))["app_name"]
        assert CHECKS["app_name"](f"{derived}_app") is None


@given(text=st.text())
@few
@pytest.mark.parametrize("question", CHECKS)
def test_rules_have_an_answer_to_everything(question: str, text: str) -> None:
    allowed = CHECKS[question](text)
    assert allowed is None or "; for example: " in allowed


@given(given_answers=answers)
@few
def test_an_accepted_slug_is_the_name_of_one_folder(given_answers: dict[str, str]) -> None:
    slug = derive(**{name: typed(text) for name, text in given_answers.items()})["project_slug"]
    if not CHECKS["project_slug"](slug):
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", slug)
        assert slug.strip(".")


@pytest.mark.parametrize("name", REFUSED)
def test_refused_name(refuse: Refuse, name: str) -> None:
    assert re.search("  (project|app)_name: ", refuse(project_name=typed(name)))


def test_hostile_names(bake: Bake) -> None:
    """All of them, a few in each name."""
    short = [name for name in HOSTILE if len(name) < 100]
    hostile = [" ".join(short[start::9]) for start in range(9)]
    projects = [(bake(project_name=typed(name)), name) for name in hostile]
    for baked, name in projects:
        check_text(baked, name)
    check_together(projects)


@pytest.mark.slow
def test_any_name(bake: Bake, refuse: Refuse) -> None:
    projects: list[tuple[Baked, str]] = []

    @given(name=names)
    @with_examples([*HOSTILE, *REFUSED])
    @many
    def outcome(name: str) -> None:
        if problems := refused(project_name=name):
            text = refuse(project_name=typed(name))
            assert re.findall(r"^  (\w+): ", text, re.MULTILINE) == problems
        else:
            baked = bake(project_name=typed(name))
            check_text(baked, name)
            projects.append((baked, name))

    outcome()
    assert len(projects) > 50
    check_together(projects)


@pytest.mark.slow
def test_any_answers(bake: Bake, refuse: Refuse) -> None:
    projects: list[tuple[Baked, str]] = []
    refusals: list[str] = []

    @given(given_answers=answers)
    @settings(many, max_examples=100)
    def outcome(given_answers: dict[str, str]) -> None:
        problems = refused(**given_answers)
        as_typed = {question: typed(text) for question, text in given_answers.items()}
        if problems:
            text = refuse(**as_typed)
            assert re.findall(r"^  (\w+): ", text, re.MULTILINE) == problems
            refusals.append(text)
        else:
            baked = bake(**as_typed)
            name = given_answers.get("project_name", QUESTIONS["project_name"])
            check_text(baked, name)
            projects.append((baked, name))

    outcome()
    assert len(refusals) > 50
    assert projects
    check_together(projects)
