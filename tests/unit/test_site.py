"""The documentation site: it builds without a warning, all links lead somewhere, everybody can read it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import AXE, DESK, PHONE, Browser, browser
from conftest import ROOT

from flask_modwsgi.problems.catalogue import CATALOGUE
from flask_modwsgi.problems.problem import SITE

for _name in ("sphinx", "myst_parser", "furo"):
    pytest.importorskip(_name, reason="Sphinx is not installed; make .venv/docs.txt")

pytestmark = pytest.mark.xdist_group("site")  # which takes long to build

DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}


class Page(HTMLParser):
    """The ids of a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if name in ("href", "src") and value:
                self.links.append(value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (line,) = [line for line in makefile.splitlines() if "--builder dirhtml" in line]
    words = line.replace("$(bin)/python", sys.executable).split()
    folder = tmp_path_factory.mktemp("site")
    words[-1] = str(folder)
    done = subprocess.run(
        [*words, "--doctree-dir", str(tmp_path_factory.mktemp("doctrees"))],
        cwd=ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> dict[str, Page]:
    """The pages by their paths."""
    return {
        f"/{path.parent.relative_to(folder).as_posix()}/".replace("/./", "/"): Page(
            path.read_text("utf-8")
        )
        for path in folder.rglob("index.html")
    } | {f"/{path.relative_to(folder)}": Page("") for path in folder.rglob("*.*")}


def test_every_page_is_there(site: dict[str, Page]) -> None:
    assert {f"/{name}/" for name in PAGES - {"index"}} <= site.keys()
    listed = {link.rstrip("/") for link in site["/"].links}
    assert {name for name in PAGES - {"index"} if name not in listed} == set()


def dead(site: dict[str, Page]) -> Iterator[str]:
    for address, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("data:"):
                continue
            path = os.path.normpath(os.path.join(address, unquote(parts.path)))
            names = [path, f"{path.rstrip('/')}/"] if parts.path else [address]
            found = [name for name in names if name in site]
            known = site[found[0]].ids | {""} if found else set()
            if unquote(parts.fragment) not in known:
                yield f"{address}: {link}"


def test_no_link_is_dead(site: dict[str, Page]) -> None:
    assert sum(len(page.links) for page in site.values()) > 500
    assert sorted(set(dead(site))) == []


def test_every_problem_has_an_address(site: dict[str, Page]) -> None:
    for problem in (make() for make in CATALOGUE):
        page, _, name = problem.page.removeprefix(SITE).partition("#")
        assert name in site[page].ids


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.mark.slow
@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed; make axe (it takes npm)")
def test_every_page_is_accessible(folder: Path, chromium: Browser) -> None:
    pages = list(folder.rglob("index.html"))
    assert len(pages) > len(PAGES)  # with those of Sphinx
    found = {}
    for page in pages:
        chromium.open(page.as_uri())
        found[str(page.relative_to(folder))] = chromium.violations()
    assert {page: wrong for page, wrong in found.items() if wrong} == {}


@pytest.mark.slow
def test_no_page_is_wider_than_the_screen(folder: Path, chromium: Browser) -> None:
    wide = []
    for page in folder.rglob("index.html"):
        chromium.open(page.as_uri())
        for size in (PHONE, DESK):
            chromium.show(size)
            if chromium.evaluate("document.documentElement.scrollWidth") > size[0]:
                wide.append((page.relative_to(folder), size))
    assert wide == []


def test_search_finds_a_page(folder: Path, chromium: Browser) -> None:
    chromium.open(f"{(folder / 'search/index.html').as_uri()}?q=certbot")
    found = """new Promise(done => {
        const look = () => {
            const links = [...document.querySelectorAll("#search-results li a")];
            links.length ? done(links.map(link => link.href).join(" ")) : setTimeout(look, 50);
        };
        look();
    })"""
    assert "/deploy/" in chromium.evaluate(found)
