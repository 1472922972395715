"""Environments beside each other: which is in use, which are kept, which a server can take."""

import json
import os
import shlex
import subprocess
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from flask_modwsgi import problems
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import check_environment
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.machine import accounts
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import prepare
from flask_modwsgi.setup import built, environments
from flask_modwsgi.setup.environments import Recipe

RECIPE = Recipe("/srv/blog", "/usr/bin/python3", "3.11.2", "system", "2.4.62", "key", "x", True)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def made(project: Project, name: str, recipe: Recipe | None = RECIPE) -> Path:
    """An environment; without a recipe, one that is half-made."""
    path = environments.folder(project) / name
    path.mkdir(parents=True)
    if recipe:
        facts = {"recipe": asdict(recipe), "packages": {"flask": "3.1.3", "click": "8.1"}}
        environments.record(path).write_text(json.dumps(facts))
    return path


def names(project: Project) -> list[str]:
    return sorted(p.name for p in environments.folder(project).iterdir() if not p.is_symlink())


def test_the_link_and_what_is_kept(project: Project) -> None:
    labels = [f"20261126-01000{number}-42" for number in range(1, 5)]
    first, second, third, fourth = (made(project, label) for label in labels)
    made(project, "20261126-010005-42", None)
    made(project, "of-another-program", None)
    assert environments.put_to_use(project, first) is None
    assert (project.root / ".venv").readlink() == Path("var/env", labels[0])
    assert environments.put_to_use(project, second) is None
    assert environments.put_to_use(project, second) is None  # changes nothing
    assert Project(project.root).environment == second
    environments.prune(project, [third])
    assert names(project) == [*labels[:3], "of-another-program"]
    environments.put_to_use(project, third)
    environments.prune(project, [])
    assert names(project) == [*labels[1:3], "of-another-program"]
    assert not fourth.exists()


def test_nothing_is_removed_where_a_link_leads(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other" / "20261126-010001-42"
    other.mkdir(parents=True)
    environments.folder(project).parent.mkdir(parents=True, exist_ok=True)
    environments.folder(project).symlink_to(other.parent)
    environments.prune(project, [])
    assert other.is_dir()


@pytest.mark.parametrize("is_link", [False, True])
def test_a_folder_of_the_users_is_never_removed(
    project: Project, tmp_path_factory: pytest.TempPathFactory, is_link: bool
) -> None:
    new = made(project, "1")
    for expected in (".venv.before", ".venv.before.before"):
        assert not environments.is_foreign(project)
        project.venv.unlink(missing_ok=True)
        if is_link:
            project.venv.symlink_to(tmp_path_factory.mktemp("elsewhere"))
        else:
            project.venv.mkdir()
        (project.venv / "mine").touch()
        assert environments.is_foreign(project)
        assert environments.put_to_use(project, new) == project.root / expected
        assert (project.root / expected / "mine").exists()
        assert project.venv.resolve() == new


def test_a_link_to_nowhere_or_to_what_setup_made_is_replaced(
    project: Project, tmp_path: Path
) -> None:
    new, moved = made(project, "1"), made(Project(tmp_path / "before"), "1")
    for target in (tmp_path / "nowhere", project.venv, moved, made(project, "half", None)):
        project.venv.unlink(missing_ok=True)
        project.venv.symlink_to(target)
        assert not environments.is_foreign(project)
        assert environments.put_to_use(project, new) is None
        assert project.venv.resolve() == new


def test_half_made_is_none(project: Project) -> None:
    path = made(project, "1", None)
    other = json.dumps({"recipe": asdict(RECIPE) | {"python_version": 3.11}, "packages": [1]})
    for text in (
        "",
        "{}",
        "[]",
        "[" * 100_000,
        other,
        '{"recipe": {}}',
        '{"recipe": {"other": 1}}',
        '{"recipe": ',
    ):
        environments.record(path).write_text(text)
        assert environments.recorded(path) is None
        assert environments.find(project, RECIPE) is None
        assert environments.drift(path, {}) == []


@pytest.mark.parametrize("left", [None, b"", b"def ru"])
def test_without_a_file_of_the_package_it_is_built_anew(
    project: Project, left: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, root=str(project.root))
    environment = made(project, "20261126-010001-42", recipe)
    monkeypatch.setattr(built, "versions", lambda python: {"flask": "3.1.3"})
    monkeypatch.setattr(environments, "drift", lambda environment, installed: [])
    packages = environment / "lib" / "python3.11" / "site-packages"
    file = packages / "flask_modwsgi" / "main.py"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"def run(): pass\n")
    (packages / "flask_modwsgi-1.0.dist-info").mkdir()
    rows = "flask_modwsgi/main.py,sha256=x,16\nflask_modwsgi/main.pyc,,\nother.py,sha256=x,9\n"
    (packages / "flask_modwsgi-1.0.dist-info" / "RECORD").write_text(rows)
    project.venv.symlink_to(environment)
    assert environments.find(Project(project.root), recipe) == environment
    file.unlink() if left is None else file.write_bytes(left)
    assert environments.find(Project(project.root), recipe) is None
    with pytest.raises(Problem) as refused:
        environments.verify(Project(project.root))
    assert "files of flask-modwsgi are missing in .venv" in refused.value.what


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("given", ["python", "home", "module"])
def test_a_setup_of_root_executes_no_environment_of_others(project: Project, given: str) -> None:
    environment, theirs = made(project, "20261126-010001-42"), project.root / "theirs"
    versions = json.dumps({"flask": "3.1.3", "click": "8.1"})
    for folder in (environment / "bin", theirs):
        folder.mkdir()
    (theirs / "python").write_text(f"#!/bin/sh\necho '{versions}'\n")
    (theirs / "python").chmod(0o755)
    python = environment / "bin" / "python"
    if given == "python":
        python.symlink_to(theirs / "python")
    else:
        python.write_text((theirs / "python").read_text())
        python.chmod(0o755)
    home = theirs if given == "home" else "/usr/bin"
    (environment / "pyvenv.cfg").write_text(f"version = 3.11.2\nhome = {home}\n")
    (environment / "module.py").touch()
    assert environments.find(project, RECIPE) == environment
    os.chown(environment / "module.py" if given == "module" else theirs, 65534, 65534)
    assert environments.find(project, RECIPE) is None


def test_drift(project: Project) -> None:
    path = made(project, "1")
    installed = {"flask": "3.1.3", "click": "8.1", "more": "1"}
    assert environments.drift(path, installed) == []
    assert environments.drift(path, {"flask": "3.0.0"}) == [
        "flask is 3.0.0, and setup installed 3.1.3",
        "click is missing",
    ]


def test_when_a_running_apache_can_take_an_environment(project: Project) -> None:
    old = made(project, "old")

    def reasons(**changes: Any) -> str:
        new = made(project, "-".join(changes.values()), replace(RECIPE, **changes))
        return ", ".join(environments.restart_reasons(old, new))

    assert reasons(requirements="other") == ""
    assert reasons(wheels="k2", python_version="3.13.1") == "Python (was 3.11.2, is now 3.13.1)"
    assert reasons(wheels="k3", apache_version="2.4.66") == "Apache (was 2.4.62, is now 2.4.66)"
    assert (
        reasons(wheels="k4", apache="bundled") == "the kind of Apache (was system, is now bundled)"
    )
    assert reasons(wheels="k5") == "mod_wsgi (was rebuilt)"
    gone = environments.restart_reasons(project.root / "gone", old)
    assert environments.restart_reasons(old, old) == []
    for environment, text in ((old, "Timeout 60"), (made(project, "new"), "Timeout 5")):
        conf = environment / "lib/python3.12/site-packages/flask_modwsgi/apache/conf"
        conf.mkdir(parents=True)
        (conf / "main.conf").write_text(text)
    assert environments.restart_reasons(old, environment) == [
        "Apache's configuration, by a new version of flask-modwsgi"
    ]
    assert environments.restart_reasons(old, environment, reads_configuration=True) == []
    assert gone == [f"the environment that Apache was started from, {project.root}/gone, is gone"]


def test_a_setup_names_the_verb_that_takes_the_new_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, other = (
        made(project, "old"),
        made(project, "new", replace(RECIPE, requirements="other")),
        made(project, "other", replace(RECIPE, wheels="k2")),
    )
    for served, verb in ((old, "reload"), (other, "restart"), (project.root / "gone", "restart")):
        monkeypatch.setattr(prepare, "_served", lambda project, served=served: [served])
        project.venv.unlink(missing_ok=True)
        prepare._put_to_use(project, new)
        told = f"./run {verb} gives the running server the new environment\n"
        assert capsys.readouterr().out.endswith(told)


def test_all_closed_folders_are_found_at_once(open_folder: Path) -> None:
    """Also those behind one that is closed; what is open behind one is none of them."""
    if os.geteuid() != 0:
        pytest.skip("only root serves as another user")
    account = accounts.choose("nobody")
    for name in ("closed", "closed/open", "closed/open/inner", "beside"):
        (open_folder / name).mkdir(mode=0o755)
    for name in ("closed", "closed/open/inner", "beside"):
        (open_folder / name).chmod(0o700)
    secret = open_folder / "closed/open/secret.py"
    secret.touch(mode=0o600)
    paths = [open_folder / "closed/open/inner", secret, open_folder / "beside"]
    found = accounts.obstacles(account, paths)
    assert [(one.path.name, one.verb) for one in found] == [
        ("closed", "enter"),
        ("inner", "list"),
        ("secret.py", "read"),
        ("beside", "list"),
    ]
    denied = [(one.path, one.mode, one.verb) for one in found]
    command = problems.path_unreachable("nobody", denied, open_folder).remedy[0]
    assert shlex.split(command).count("chmod") == 3
    subprocess.run(command, shell=True, check=True)
    assert accounts.obstacles(account, paths) == []


def test_a_project_that_a_strict_umask_closed_is_opened_at_once(open_folder: Path) -> None:
    """Its folder and all in it, before there is an environment; each is named once."""
    if os.geteuid() != 0:
        pytest.skip("only root serves as another user")
    root = open_folder / "blog"
    names = ("blog", "blog/static", "pyproject.toml", "blog.wsgi", "blog/__init__.py")
    for name in names:
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch() if place.suffix else place.mkdir()
    (root / "pyproject.toml").write_text('[tool.flask-modwsgi]\napp_name = "blog"\n')
    for place in (root, *root.rglob("*")):
        place.chmod(0o700 if place.is_dir() else 0o600)
    facts = Facts(Project(root))
    facts.account = accounts.choose("nobody")
    with pytest.raises(Problem) as refused:
        check_environment.folder_reach(facts)
    (command,) = refused.value.remedy
    chgrp, *chmods = (shlex.split(part)[2:] for part in command.split(" && "))
    closed = {str(root), *(str(root / name) for name in names)}
    assert sorted(chgrp) == sorted(closed)
    assert sorted(chain(*chmods)) == sorted(closed)
    told = refused.value.what
    assert told.startswith(f"User nobody cannot list {root} (drwx------), and 5 more.\n")
    assert len(told.splitlines()) == 1 + len(closed)
    subprocess.run(command, shell=True, check=True)
    check_environment.folder_reach(facts)
    assert accounts.obstacles(facts.account, map(Path, closed)) == []


def test_two_wheels_are_no_choice(project: Project) -> None:
    """By name, 1.10 would come before 1.9; the one that was put there last is the one to keep."""
    wheels = project.root / "wheels"
    wheels.mkdir()
    for version, moment in ("1.10", 200), ("1.9", 100):
        wheel = wheels / f"flask_modwsgi-{version}-py3-none-any.whl"
        wheel.touch()
        os.utime(wheel, (moment, moment))
    with pytest.raises(Problem) as raised:
        environments.own_wheel(project)
    assert raised.value.slug == "wheels-several"
    (project.root / "var").mkdir(exist_ok=True)
    command = raised.value.remedy[0].removesuffix(" && ./run setup")
    subprocess.run(["sh", "-c", command], cwd=project.root, check=True)
    assert environments.own_wheel(project).name == "flask_modwsgi-1.10-py3-none-any.whl"
