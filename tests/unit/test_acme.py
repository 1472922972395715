"""What is told of certificates that Apache gets by itself."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from samples import make_deep

from flask_modwsgi.config import settings
from flask_modwsgi.config.project import Project
from flask_modwsgi.logs import events
from flask_modwsgi.machine import folders, installation
from flask_modwsgi.machine.installation import Installation
from flask_modwsgi.problems import systems
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.tls import acme, https

GIVEN = {"HTTPS_NAMES": "example.com, www.example.com", "HTTPS_CONTACT": "you@example.com"}


@pytest.fixture
def chosen() -> settings.Settings:
    return settings.load(GIVEN)


def note(project: Project, folder: str, **job: object) -> Path:
    """What mod_md writes: its job, and a certificate beside it."""
    place = acme.store(project) / folder / "example.com"
    place.mkdir(parents=True)
    (place / "job.json").write_text(json.dumps(job), "utf-8")
    return place


def test_it_is_awaited_until_it_is_there(tmp_path: Path, chosen: settings.Settings) -> None:
    project = Project(tmp_path)
    assert "have the certificate for example.com, www" in acme.awaited(project, chosen)
    place = note(project, "staging", finished=True, errors=0)
    (place / "pubcert.pem").touch()
    assert acme.awaited(project, chosen) == "a new certificate is there; ./run renew takes it"
    place.rename(acme.store(project) / "elsewhere")
    (note(project, "domains") / "pubcert.pem").touch()
    assert acme.awaited(project, chosen) == ""
    assert acme.certificate(project, chosen)


def test_the_reason_of_the_last_failure_is_told(tmp_path: Path, chosen: settings.Settings) -> None:
    project = Project(tmp_path)
    note(
        project,
        "staging",
        errors=1,
        last={"detail": "no way. Perhaps later."},
        **{"next-run": "noon"},
    )
    awaited = acme.awaited(project, chosen)
    assert awaited.endswith("; at the last attempt: no way (the next one is at noon)")


def test_apache_finds_no_pipe_and_no_link_in_the_store(tmp_path: Path) -> None:
    """Its own processes write there; as who starts it, it waited for the pipe at every start."""
    project = Project(tmp_path / "project")
    place = note(project, "staging", finished=False)
    outside = tmp_path / "outside"
    outside.mkdir()
    os.mkfifo(outside / "pipe")
    os.mkfifo(place / "md.json")
    (place / "pubcert.pem").symlink_to(outside / "pipe")
    place.with_name("example.org").symlink_to(outside)
    acme.make_store(project)
    assert [path.name for path in place.parent.rglob("*")] == ["example.com", "job.json"]
    assert (outside / "pipe").exists()


def test_how_deep_a_folder_is_in_the_store_is_no_obstacle(tmp_path: Path) -> None:
    project = Project(tmp_path)
    place = note(project, "staging", finished=False)
    make_deep(place)
    acme.make_store(project)
    assert (place / "job.json").is_file()
    folders.remove(place)  # pytest could not


@pytest.mark.parametrize("text", ["", "[]", '{"last": 1, "errors": "x"}', "{" * 10_000])
def test_what_is_damaged_says_nothing(tmp_path: Path, chosen: settings.Settings, text: str) -> None:
    project = Project(tmp_path)
    (note(project, "staging") / "job.json").write_text(text, "utf-8")
    assert "attempt" not in acme.awaited(project, chosen)


@pytest.mark.parametrize("names", ["*.example.com", "[::1]", "example.com:443"])
def test_names_that_no_authority_looks_up_are_refused(names: str) -> None:
    with pytest.raises(Problem, match="HTTPS_NAMES"):
        settings.load({"HTTPS_NAMES": names})


@pytest.mark.parametrize(
    ("more", "slug"),
    [
        ({"tls_certificate": "c.pem"}, "https-twice"),
        ({"https_contact": ""}, "https-contact-missing"),
        ({"https_port": 8000}, "setting-invalid"),
    ],
)
def test_contradictions_are_named(
    tmp_path: Path, chosen: settings.Settings, more: dict[str, object], slug: str
) -> None:
    with pytest.raises(Problem) as problem:
        https.check(Project(tmp_path), replace(chosen, **more))  # type: ignore[arg-type]
    assert problem.value.slug == slug


@pytest.mark.parametrize(("logger", "is_so"), [("md", True), ("core", False)])
def test_no_client_can_say_that_there_is_a_certificate(logger: str, is_so: bool) -> None:
    line = f"[2026-01-01 10:00:00.000000 +0000] [{logger}:notice] [pid 7] AH10059: it is there"
    assert events.tells_of_certificate(line.encode()) is is_so


@pytest.mark.parametrize(
    ("bundled", "modules", "missing", "remedy"),
    [
        (False, [], "mod_ssl.so", "apache2-bin"),
        (False, ["ssl"], "mod_md.so", "apache2-bin"),
        (True, [], "mod_ssl.so", "libssl-dev"),
        (True, ["ssl"], "mod_md.so", "./run setup --apache system"),
    ],
)
def test_an_apache_that_cannot_is_told_before(
    tmp_path: Path,
    chosen: settings.Settings,
    monkeypatch: pytest.MonkeyPatch,
    bundled: bool,
    modules: list[str],
    missing: str,
    remedy: str,
) -> None:
    for name in modules:
        (tmp_path / f"mod_{name}.so").touch()
    found = Installation(tmp_path, tmp_path, tmp_path, libraries="lib" if bundled else "")
    monkeypatch.setattr(installation, "here", lambda: found)
    monkeypatch.setattr(systems, "family", lambda: "debian")
    with pytest.raises(Problem) as refused:
        https.check(Project(tmp_path), chosen)
    assert refused.value.slug == "tls-unavailable"
    assert f"{tmp_path / missing} is missing" in refused.value.what
    typed = "\n".join(refused.value.remedy)
    assert remedy in typed
    assert ("HTTPS_NAMES= ./run" in typed) == (missing == "mod_md.so")
