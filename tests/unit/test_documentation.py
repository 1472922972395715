"""What README says is compared with what is there."""

import os
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jinja2
import pytest
from conftest import QUESTIONS, ROOT, TEMPLATE, Baked, copy_template, derive

from flask_modwsgi.cli.verbs import VERBS
from flask_modwsgi.config import reference, settings
from flask_modwsgi.problems import systems

README = (ROOT / "README.md").read_text("utf-8")


def test_the_table_of_questions() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", README, re.MULTILINE)
    assert [name for name, _ in rows] == list(QUESTIONS)
    defaults = derive()
    for name, default in rows:
        assert default == str(defaults[name]).removesuffix("True") + ("true" * (name == "install"))


def test_the_tree_of_the_result(defaults: Baked) -> None:
    block = re.search(r"```\nhello-flask/\n(.*?)```", README, re.DOTALL)
    assert block
    shown: set[str] = set()
    parent = ""
    for line in block[1].splitlines():
        match = re.match(r"(│   )?[├└]── (\S+)", line)
        assert match, line
        if not match[1]:
            parent = match[2] if match[2].endswith("/") else ""
        shown.add((parent if match[1] else "") + match[2])
    for name in shown:
        assert (defaults.path / name).exists(), name
    top = {path.name + "/" * path.is_dir() for path in defaults.path.iterdir()}
    assert {name for name in top if not name.startswith(".git")} == {
        name for name in shown if "/" not in name.rstrip("/")
    }
    package = defaults.path / "hello_flask"
    inside = {f"hello_flask/{path.name}{'/' * path.is_dir()}" for path in package.iterdir()}
    assert inside <= shown


def test_the_fields_that_are_always_removed() -> None:
    page = (ROOT / "docs" / "guide" / "proxies.md").read_text("utf-8")
    named = re.search(r"are always\sremoved: (.*?)\. ", page, re.DOTALL)
    assert named
    conf = (ROOT / "src" / "flask_modwsgi" / "apache" / "conf" / "proxies.conf").read_text("utf-8")
    removed = set(re.findall(r"^RequestHeader unset (\S+)$", conf, re.MULTILINE))
    table = {field for field in removed if f"| `{field}` |" in page}
    assert removed - table == set(re.findall(r"`(.+?)`", named[1]))


def outside_of_code(page: Path) -> str:
    return re.sub(
        r"^```.*?^```$|`.*?`", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )


def dead_links(page: Path) -> Iterator[str]:
    """Those to a file or a heading that is not there, as a forge shows them."""
    for link in re.findall(r'(?:\]\(|\b(?:src|href)=")([^)"\s]+)[)"]', outside_of_code(page)):
        parts = urlsplit(link)
        target = page.parent / unquote(parts.path) if parts.path else page
        if parts.scheme:
            continue
        if not target.exists():
            yield link
        elif parts.fragment:
            headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            names = [re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings]
            if parts.fragment not in map(str.lower, names):
                yield link


def test_no_link_to_a_file_is_dead(defaults: Baked, tmp_path: Path) -> None:
    """test_site.py has those of the site."""
    (tmp_path / "there.md").write_text("# A *title*: here")
    (tmp_path / "page.md").write_text(
        '[a](there.md#a-title-here) [b](there.md#b) [c](c.md) <img src="d.png"> [e](http://e) `[f](g)`'
    )
    assert list(dead_links(tmp_path / "page.md")) == ["there.md#b", "c.md", "d.png"]
    pages = [*ROOT.glob("*.md"), *ROOT.glob(".github/*.md"), defaults.path / "README.md"]
    assert len(pages) > 6
    assert {page.name: dead for page in pages if (dead := list(dead_links(page)))} == {}


def test_the_commands_exist(defaults: Baked) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    shown = defaults.run("--help").stdout
    for text in (README, defaults.read("README.md")):
        for verb in re.findall(r"\./run ([a-z]+)\b", text):
            assert re.search(rf"^  {verb} ", shown, re.MULTILINE), verb


def test_readme_says_that_it_is_not_published_yet() -> None:
    before, owner, after = README.partition("gh:org/flask-modwsgi")
    assert owner and "gh:" not in before
    following = " ".join(after.splitlines()[1:4])
    assert (
        "Until this repository is published, use the path of a clone in place of `gh:org/"
        in following
    )


def test_the_speeds_are_those_of_the_benchmarks() -> None:
    text = (ROOT / "docs/benchmarks.md").read_text("utf-8")
    table = re.search(r"^## In short.*?(^\|.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    assert table and table[1] in README
    (day,) = re.findall(r"^`make bench`, (\d{4}-\d\d-\d\d):", text, re.MULTILINE)
    assert day in README


def rows(page: str, heading: str) -> dict[str, list[float]]:
    """The figures of each server, in the table below a heading."""
    below = page.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    found = re.findall(r"^\| ([^|]+) \| (.*\d) \|$", below, re.MULTILINE)
    return {
        name: [float(figure.replace(",", "")) for figure in figures.split(" | ")]
        for name, figures in found
    }


def between(figures: list[float]) -> str:
    """Where they lie, in two digits."""
    lowest, highest = (
        f"{figure:.1f}" if figure >= 1 else f"{figure:.2f}"
        for figure in (min(figures), max(figures))
    )
    return lowest if lowest == highest else f"{lowest} to {highest}"


COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def test_the_paragraph_has_the_figures_of_the_table() -> None:
    page = (ROOT / "docs/benchmarks.md").read_text("utf-8")
    speeds = {name: figures[:-1] for name, figures in rows(page, "In short").items()}
    waits = {name: figures[-1] for name, figures in rows(page, "In short").items()}
    others = between([*speeds["nginx + uWSGI"], *speeds["granian"]])
    alone = {
        f"{milliseconds / 1000:.0f}"
        for name, milliseconds in waits.items()
        if name == "gunicorn" or name.startswith("mod_wsgi-express")
    }
    static = rows(page, "static file, small")
    quicker = round(static["nginx + gunicorn"][0] / static["as generated"][0])
    wanted = (
        f"it answers {between(speeds['as generated'])} times as many requests as nginx with gunicorn",
        f"{between(speeds['embedded'])} times as many in [embedded mode]",
        f"uWSGI and granian answer {others} times as many",
        f"nginx sends small static files about {COUNTS[quicker]} times as fast",
        f"a normal request takes {waits['as generated']:.1f} ms here",
        f"{waits['nginx + gunicorn']:.1f} ms with nginx and gunicorn",
        f"and {' to '.join(sorted(alone, key=float))} s with gunicorn or mod_wsgi-express alone",
    )
    paragraph = " ".join(README.partition("\n## Why Apache\n\n")[2].partition("\n\n")[0].split())
    to_write = [words for words in wanted if words not in paragraph]
    assert not to_write, "write in README, below Why Apache: " + "; ".join(to_write)


def test_scaling_is_worked_through_with_the_figures_of_the_benchmarks() -> None:
    measured = (ROOT / "docs/benchmarks.md").read_text("utf-8").partition("\n## page\n")[2]
    scaling = (ROOT / "docs/scaling.md").read_text("utf-8")
    names = re.findall(r" ([^|]+) \|", measured.strip().splitlines()[0])
    (row,) = re.findall(r"^\|( as generated \|.*)$", measured.partition("\n## ")[0], re.MULTILINE)
    figures = dict(zip(names, map(str.strip, row.split("|")), strict=False))
    shown = re.findall(r"^\| (requests/s|CPU.*|memory.*) \| ([\d,]+) \|$", scaling, re.MULTILINE)
    assert len(shown) == 3
    assert dict(shown).items() <= figures.items()
    seconds = int(figures["CPU (us/request)"]) / 1e6
    host = round(2 / (0.010 + seconds)) // 2
    rows = re.findall(
        r"^\| (\d+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|", scaling, re.MULTILINE
    )
    assert [int(row[0]) for row in rows] == [1, 3, 10, 30, 100]
    for row in rows:
        hosts, *found = (int(number.replace(",", "")) for number in row)
        assert found == [hosts * host * 5, hosts * host, hosts * host * 4, hosts * 2 * 5]


@pytest.mark.parametrize("family", ["debian", "fedora", "alpine", "arch", "suse", "macos"])
def test_what_to_install(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    line = systems.install("system", family)
    assert f"| `{line}` |\n" in (ROOT / "docs/quickstart.md").read_text("utf-8")


def test_the_verbs_in_the_pages_exist() -> None:
    known = {verb.name for verb in VERBS} | {"help", "VERB"}
    made = {"reference", "troubleshooting"}  # from the code, where they are sentences, too
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page.stem not in made]
    assert len(pages) > 30
    for page in pages:
        assert set(re.findall(r"\./run (\w+)", page.read_text("utf-8"))) <= known, page


def guide() -> dict[str, str]:
    return {page.stem: page.read_text("utf-8") for page in (ROOT / "docs/guide").glob("*.md")}


# Variables in the guide that are no settings.
OTHERS = {
    *("FLASK_SECRET_KEY", "FLASK_SESSION_COOKIE_NAME", "FLASK_SESSION_COOKIE_SECURE"),
    *("PYTHON_DOTENV_DISABLED", "NAME"),
}
OTHERS |= {"HOME", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "USER", "USE_X_SENDFILE"}
OTHERS |= {"MAX_FORM_MEMORY_SIZE", "MAX_FORM_PARTS", "SEND_FILE_MAX_AGE_DEFAULT"}
OTHERS |= {
    "APXS",
    "PYTHON",
    "PYTHONHOME",
    "PYTHONPATH",
    "TMPDIR",
    "VIRTUAL_ENV",
    "SSH_AUTH_SOCK",
    "XDG_CACHE_HOME",
}


def test_the_guide_names_every_setting_and_no_other() -> None:
    pattern = re.compile(r"(?:`|^ *)([A-Z][A-Z_]{3,})(?=[`=])", re.MULTILINE)
    named = {name for text in guide().values() for name in pattern.findall(text)}
    assert named - OTHERS == set(settings.NAMES)


def test_the_headers_of_the_guide_are_sent() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| `(.+?)` \|", guide()["headers"], re.MULTILINE)
    sent = (ROOT / "src/flask_modwsgi/apache/conf/browsers.conf").read_text("utf-8")
    found = dict(re.findall(r'^ *Header always set ([\w-]+) "?(.+?)"? \\?"?(?:expr|$)', sent, re.M))
    policy = {"Content-Security-Policy": reference.STRICT_POLICY}
    assert len(rows) == 6
    for name, value in rows:
        assert (found | policy)[name].rstrip('" \\') == value


def test_the_metrics_of_the_guide_exist() -> None:
    code = "".join(
        path.read_text() for path in (ROOT / "src/flask_modwsgi/worker").glob("metr*.py")
    )
    measured = set(re.findall(r'"(wsgi_\w+)"', code))
    rows = re.findall(r"^\| `(wsgi_\w+)", guide()["metrics"], re.MULTILINE)
    assert {name.removesuffix("_total") for name in rows} == measured
    used = set(re.findall(r"wsgi_\w+", guide()["metrics"]))
    assert {re.sub("_(total|bucket)$", "", name) for name in used} == measured


def test_the_help_fits_a_screen(defaults: Baked) -> None:
    done = defaults.run("--help")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_what_is_made_from_the_code_is_current() -> None:
    example = runpy.run_path(str(ROOT / "docs" / "env_example.py"))["text"]()
    assert (TEMPLATE / ".env.example").read_text("utf-8") == example, "make tables: .env.example"
    page = runpy.run_path(str(ROOT / "docs" / "reference.py"))["page"]()
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == page, "make tables: reference.md"


def test_the_example_of_a_project_is_what_the_package_would_write() -> None:
    answers = derive(port="8123", mount_point="app/")
    template = (TEMPLATE / ".env.example").read_text("utf-8")
    jinja = jinja2.Environment(**answers["_jinja2_env_vars"], keep_trailing_newline=True)
    rendered = jinja.from_string(template).render(cookiecutter=answers)
    assert rendered == reference.env_example(8123, "/app", reference.STRICT_POLICY)


UNITS = {
    "guide/systemd.md": "/var/www/hello-flask",
    "guide/own-commands.md": "/var/www/hello-flask",
    "your-application.md": "/srv/shop",
    "recipes/jobs.md": "/var/www/hello-flask",
}


@pytest.mark.parametrize("source", [*UNITS, "project"])
def test_systemd_understands_the_unit(defaults: Baked, tmp_path: Path, source: str) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed; on Debian: apt-get install systemd")
    if source == "project":
        unit = defaults.read("deploy/hello-flask.service")
    else:
        text = (ROOT / "docs" / source).read_text("utf-8")
        (unit,) = re.findall(r"```ini\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "hello-flask.service"
    file.write_text(unit.replace(UNITS.get(source, "/var/www/hello-flask"), str(defaults.path)))
    command: list[str | Path] = ["systemd-analyze", "verify", "--man=no", file]
    done = subprocess.run(command, capture_output=True, text=True)
    # It also tells what is wrong with the units of this machine.
    said = [line for line in (done.stdout + done.stderr).splitlines() if file.name in line]
    assert (done.returncode, said) == (0, [])


def test_the_example_fits_a_reader(defaults: Baked) -> None:
    """The user's part is short, and no file is long."""
    own = [*defaults.path.glob("hello_flask/*.py"), *defaults.path.glob("tests/*.py")]
    own.append(defaults.path / "hello_flask.wsgi")
    assert sum(len(path.read_text("utf-8").splitlines()) for path in own) <= 250
    for path in (ROOT / "src").rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 300, path


def test_the_repository_has_one_owner(tmp_path: Path) -> None:
    """Whoever publishes it replaces one name everywhere, also in the addresses of the site."""
    texts = [file.read_bytes() for file in copy_template(tmp_path).rglob("*") if file.is_file()]
    address = re.compile(rb"(?:gh:|github\.com/|https://)([\w-]+)(?:\.github\.io)?/flask-modwsgi\b")
    assert {owner for text in texts for owner in address.findall(text)} == {b"org"}
