"""Content types of static files."""

import mimetypes
import re

import pytest

from flask_modwsgi.apache import content_types


def test_content_types_without_a_system_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "knownfiles", ["/nonexistent"])
    lines = content_types.as_mime_types().splitlines()
    for line in ("text/css css", "text/javascript js", "image/svg+xml svg", "font/woff2 woff2"):
        assert line in lines


@pytest.mark.parametrize(
    "name",
    [
        *("style.css~", "style.css.~1~", "#style.css#", ".style.css.swp", ".#style.css"),
        *(
            "style.css.bak",
            "style.css.BAK",
            "style.css.bak.20261130",
            "style.css.backup",
            "style.css.orig",
        ),
        *(
            "style.css.old",
            "style.css.old.1",
            "style.css.save",
            "style.css.save.1",
            "style.css.rej",
        ),
        *("style.css.tmp", "style.css.swo", "style.css___jb_tmp___", "style.css___jb_old___"),
        *("style.css.dpkg-old", "style.css.dpkg-dist", "style.css.ucf-old", "style.css.rpmsave"),
        *("style.css.rpmnew", "style.css.rpmorig", "style.css.pacsave", "style.css.pacnew"),
    ],
)
def test_copies_that_editors_and_package_managers_leave_are_private(name: str) -> None:
    """Nano, JetBrains, Emacs, Vim, patch, dpkg, ucf, RPM and pacman."""
    assert re.search(content_types.PRIVATE, f"/css/{name}")
    assert re.search(content_types.PRIVATE, f"/{name}")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "style.css",
            "bold.css",
            "old",
            "save.png",
            "old.css",
            "app.old.js",
            "tmp.js",
            "a.b~c.js",
        ),
        *("bak2.css", "a.rpm", "a.threshold", "a.unsave", "dpkg-old.txt", "jb_tmp.css", "a.3"),
    ],
)
def test_files_with_similar_names_are_public(name: str) -> None:
    assert not re.search(content_types.PRIVATE, f"/css/{name}")
