"""The six lines of the guide's page of settings, in one `.env`, under the real Apache."""

import re
import ssl
from pathlib import Path

import pytest
from conftest import ROOT
from serving import Project, ask, free_port, running, wait_for
from test_metrics import answers
from test_tls import make
from written_logs import contents, strict

pytestmark = pytest.mark.slow

GUIDE = (ROOT / "docs/guide/settings.md").read_text("utf-8")


def six_lines() -> list[str]:
    found = re.search(r"## Many settings at once\n.*?```\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1].splitlines()


def with_lines(env_file: str, lines: list[str]) -> str:
    """`.env` with these settings in place of the empty ones."""
    for line in lines:
        name = line.partition("=")[0]
        env_file, changes = re.subn(rf"(?m)^{name}=.*$", line, env_file)
        assert changes == 1, name
    return env_file


def test_six_lines_turn_all_of_it_on(project: Project, tmp_path: Path) -> None:
    if not (libexec(project) / "mod_ssl.so").exists():
        pytest.skip("this Apache has no mod_ssl; on Debian: apt-get install libssl-dev")
    certificate, key = make(tmp_path, "six")
    metrics, https = free_port(), free_port()
    ours = {
        "TLS_CERTIFICATE": str(certificate),
        "TLS_KEY": str(key),
        "METRICS_PORT": str(metrics),
    }
    lines = [
        f"{name}={ours.get(name, value)}"
        for name, _, value in (line.partition("=") for line in six_lines())
    ]
    assert len(lines) == 6
    file = project.path / ".env"
    before = file.read_text("utf-8")
    file.write_text(with_lines(before, lines), "utf-8")
    try:
        with running(project, env={"HTTPS_PORT": str(https)}) as serving:
            trust = ssl.create_default_context(cafile=certificate)
            url = f"https://localhost:{https}"
            honest = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "example.com"}
            page = ask(f"{url}/", trust, **honest)
            assert page.status == 200
            assert page.headers["Strict-Transport-Security"]
            assert ask(f"{url}/", trust).status == 421

            def logged() -> list[dict[str, object]]:
                events = [strict(line) for line in contents(serving.log_file)]
                wanted = page.headers["X-Request-ID"]
                return [event for event in events if event.get("request_id") == wanted]

            (access,) = wait_for(logged, 5, "the line of the access log")
            assert (access["client"], access["status"]) == ("203.0.113.9", 200)
            wait_for(lambda: answers(metrics), 10, "the metrics")
            text = ask(f"http://127.0.0.1:{metrics}/metrics").text
            counted = re.findall(r'^wsgi_requests_total{.*status="2xx"} (\S+)$', text, re.MULTILINE)
            assert sum(map(float, counted)) >= 1
    finally:
        file.write_text(before, "utf-8")


def libexec(project: Project) -> Path:
    """The folder with the modules of its Apache."""
    code = "from mod_wsgi.express.apxs_config import LIBEXECDIR; print(LIBEXECDIR)"
    return Path(project.call(".venv/bin/python", "-c", code).stdout.strip())
