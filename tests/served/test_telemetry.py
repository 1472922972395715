"""mod_wsgi's telemetry page under the real Apache."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
import serving
from serving import Project, ask, free_port, path_with_uv, running, wait_for
from test_metrics import answers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def telemetry(project: Project, workplace: Path) -> Project:
    """A project with the package that the page needs, added as the problem says."""
    kind = project.path.parent.name
    uv = {"PATH": path_with_uv()}
    made = serving.generate(workplace / f"{kind}-telemetry", f"apache={kind}", **uv)
    made.add_views()
    env = {"TELEMETRY_PORT": str(free_port()), "PORT": str(free_port())}
    missing = made.call("./run", "start", "--json", **env)
    problem = json.loads(missing.stderr.splitlines()[-1])
    assert problem["problem"] == "telemetry-missing"
    pyproject = made.path / "pyproject.toml"
    text = pyproject.read_text("utf-8")
    pyproject.write_text(text.replace('= ["Flask"', '= ["Flask", "mod_wsgi-telemetry"'), "utf-8")
    versions = (serving.ROOT / "tests/apps/constraints.txt").as_uri()
    uv |= {"UV_CONSTRAINT": versions}
    done = made.call("sh", "-c", problem["type"][0], **uv, **env)
    if done.returncode != 0 and serving.is_unreachable(done.stdout + done.stderr):
        pytest.skip("mod_wsgi-telemetry could not be downloaded; needs the package index")
    assert done.returncode == 0, done.stdout + done.stderr
    installed = made.path.glob(".venv/lib/python*/site-packages/mod_wsgi*.dist-info")
    names = sorted(path.name.partition("-")[0] for path in installed)
    assert [name for name in names if name != "mod_wsgi_httpd"] in (
        ["mod_wsgi", "mod_wsgi_telemetry"],
        ["mod_wsgi_standalone", "mod_wsgi_telemetry"],
    )
    return made


def shows_requests(project: Project, **options: Any) -> None:
    port = free_port()
    page = f"http://127.0.0.1:{port}"

    def state() -> dict[str, Any]:
        return json.loads(ask(f"{page}/api/state").text)  # type: ignore[no-any-return]

    with running(project, env={"TELEMETRY_PORT": str(port)}, **options) as serving:
        wait_for(lambda: answers(port), 10, "the telemetry page")
        assert ask(f"{serving.url}/slow?seconds=1.2").status == 200
        slow = wait_for(lambda: state()["slow_requests"], 5, "the slow request")
        assert slow[0]["entry"]["script_name"] + slow[0]["entry"]["path_info"] == "/slow"
        assert "<html" in ask(page).text
        listening = [
            connection.laddr
            for process in serving.family()
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        ]
        assert listening == [("127.0.0.1", port)]
        # mod_wsgi gives its own figures to this page only.
        # Of a server that another user runs, root would be refused it.
        words = ["./run", "status", "--json"]

        def requests() -> int:
            done = subprocess.run(
                words, cwd=project.path, capture_output=True, text=True, **options
            )
            return sum(row.get("requests", 0) for row in json.loads(done.stdout)["processes"])

        wait_for(lambda: requests() >= 2, 5, "the figures of both processes")
    assert not answers(port)


def test_telemetry(telemetry: Project) -> None:
    shows_requests(telemetry)


def test_telemetry_as_an_ordinary_user(telemetry: Project) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    nobody = 65534
    subprocess.run(["chown", "-R", f"{nobody}:{nobody}", telemetry.path], check=True)
    try:
        shows_requests(telemetry, user=nobody, group=nobody, extra_groups=[])
    finally:
        subprocess.run(["chown", "-R", "0:0", telemetry.path], check=True)
