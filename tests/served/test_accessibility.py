"""The pages of a generated project: they fit a phone, and axe-core finds nothing wrong with them."""

from collections.abc import Iterator

import pytest
from browser import AXE, PHONE, Browser, browser
from serving import Project, running

pytestmark = pytest.mark.slow

HEADINGS = {"/": "I love Flask", "/none": "Not Found"}


@pytest.fixture
def pages(project: Project) -> Iterator[Iterator[Browser]]:
    """A browser with each page, one after the other."""
    with browser() as chromium, running(project) as serving:

        def opened() -> Iterator[Browser]:
            for path, heading in HEADINGS.items():
                chromium.open(f"{serving.url}{path}")
                assert heading in chromium.evaluate("document.querySelector('h1').textContent")
                yield chromium

        yield opened()


def test_the_pages_fit_a_phone(pages: Iterator[Browser]) -> None:
    for page in pages:
        page.show(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed; make axe (it takes npm)")
def test_the_pages_are_accessible(pages: Iterator[Browser]) -> None:
    for page in pages:
        assert page.violations() == []
