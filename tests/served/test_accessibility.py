"""axe-core finds nothing wrong with the pages of a generated project."""

import pytest
from browser import PHONE, browser
from serving import Project, running

pytestmark = pytest.mark.slow


def test_the_pages_are_accessible(project: Project) -> None:
    with browser() as chromium, running(project) as serving:
        for path, heading in {"/": "I love Flask", "/none": "Not Found"}.items():
            chromium.open(f"{serving.url}{path}")
            assert heading in chromium.evaluate("document.querySelector('h1').textContent")
            assert chromium.violations() == []
            chromium.show(PHONE)
            assert chromium.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
