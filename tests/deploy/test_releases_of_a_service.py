"""docs/guide/releases.md for the service, whose unit names the link: a later release, and back, under load."""

import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from conftest import ROOT, bake_with
from load import load
from pytest_cookies.plugin import Cookies
from serving import ask, wait_for

from .conftest import UNIT
from .machines import Machine

PAGE = (ROOT / "docs/guide/releases.md").read_text("utf-8")
OWN, ACCOUNT = "blog", "app-blog"
VIEWS = """

@bp.get("/release")
def release() -> str:
    return "0"


@bp.get("/write/<name>")
def write(name: str) -> list[str]:
    from pathlib import Path

    from flask import current_app

    (Path(current_app.instance_path) / name).touch()
    return sorted(file.name for file in Path(current_app.instance_path).iterdir())
"""


def typed() -> list[list[str]]:
    """The commands of the page with those of systemctl: for the first release, the next, and to go back."""
    (setup,) = re.findall(r"`RUN_USER=ACCOUNT (\S+ setup .*?)`", PAGE)
    assert f"\n{setup}\n" in PAGE
    assert "with `/srv/blog/current`" in " ".join(PAGE.split())
    unit = f"/etc/systemd/system/{OWN}.service"
    install = (
        f"sed s:/var/www/blog:/srv/blog/current:g /srv/blog/current/deploy/blog.service > {unit}"
    )
    replaced = {
        setup: f"RUN_USER={ACCOUNT} {setup}",
        "https://git.example.com/blog.git": "/srv/blog.git",
        "/srv/blog/current/run start": f"{install} && systemctl enable --now {OWN}",
        "/srv/blog/current/run reload": f"systemctl reload {OWN}",
    }
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for before, after in replaced.items():
        assert any(before in block for block in blocks), before
        blocks = [block.replace(before, after) for block in blocks]
    return [block.splitlines() for block in blocks]


@pytest.fixture(scope="module")
def blog(host: Machine, cookies_session: Cookies) -> Iterator[Machine]:
    """The machine, which serves the first release of another project."""
    source = host.root / "srv/blog.git"
    shutil.copytree(bake_with(cookies_session, project_name="Blog").path, source, symlinks=True)
    views = source / "blog/views.py"
    text = views.read_text("utf-8") + VIEWS
    for number in "12":
        views.write_text(text.replace('return "0"', f'return "{number}"'), "utf-8")
        own = ("-c", "user.name=You", "-c", "user.email=you@example.com", "-C", str(source))
        for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", number]):
            subprocess.run(["git", *own, *words], check=True)
        subprocess.run(["git", *own, "tag", f"v{number}"], check=True)
    host.type(
        f"chown -R root: /srv/blog.git; systemctl stop {UNIT};"
        f" useradd --system --user-group --home-dir /nonexistent {ACCOUNT}"
    )
    try:
        for line in typed()[0]:
            host.type(line, timeout=600)
        yield host
    finally:
        host.call("systemctl", "disable", "--now", OWN)
        host.type(f"systemctl start {UNIT}")


def test_a_later_release_and_back_lose_no_request_and_write_the_data(blog: Machine) -> None:
    def get(path: str) -> str:
        return ask(f"http://{blog.address}/{path}").text

    _, following, back = typed()
    assert get("release") == "1"
    main = f"systemctl show --value --property MainPID {OWN}"
    before, written = blog.type(main), list[str]()
    with load(f"http://{blog.address}") as record:
        wait_for(lambda: record.answered > 20, 30, "the load")
        for number, lines in (("1", []), ("2", following), ("1", back)):
            for line in lines:
                blog.type(line, timeout=600)
            assert get("release") == number
            written.append(f"{len(written)}.txt")
            for name in written:
                assert name in get(f"write/{written[-1]}")
    assert record.answered > 50
    assert record.failures == []
    assert blog.type(main) == before
    owners = blog.type(f"cd /srv/blog/var/data && stat -c %U {' '.join(written)}")
    assert set(owners.split()) == {ACCOUNT}
