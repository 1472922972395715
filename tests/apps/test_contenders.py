"""Every server that `make bench` compares answers, and so does each way to serve it."""

from pathlib import Path
from urllib.request import urlopen

import pytest
from serving import free_port

from benchmarks import contenders, project

# They share a project and a port.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("test_contenders")]


@pytest.fixture(scope="module")
def place(workplace: Path, home: Path) -> contenders.Place:
    folder = workplace / "contenders"
    folder.mkdir(mode=0o755)
    served = project.generate(folder)
    tools = project.install_tools(served, folder / "tools")
    return contenders.Place(served, tools, folder / "run", free_port())


@pytest.mark.parametrize("contender", contenders.CONTENDERS, ids=lambda one: one.name)
def test_it_serves(contender: contenders.Contender, place: contenders.Place) -> None:
    if missing := contender.missing():
        pytest.skip(f"install {' '.join(missing)}")
    path, part = ("/static/style.css", "color") if contender.is_static else ("/", "Hello")
    with contenders.serving(contender, place) as address:
        for _ in range(3):
            with urlopen(f"{address}{path}", timeout=60) as answer:
                assert part in answer.read().decode()
