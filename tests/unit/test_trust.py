"""What somebody else than root can change, and what root writes to."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from conftest import ROOT, TEMPLATE
from samples import project
from serving import wait_for

from flask_modwsgi import problems
from flask_modwsgi.config import settings
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import check_trust
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.logs.rotation import RotatedFile
from flask_modwsgi.machine import accounts, files, trust
from flask_modwsgi.machine.accounts import Account
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.server import background, import_check, launch, locks
from flask_modwsgi.setup import environments

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@needs_root
def test_a_folder_that_others_can_change_is_not_written_to(tmp_path: Path) -> None:
    logs = tmp_path / "var" / "log"
    assert trust.made_folder(logs) == logs
    for step in (tmp_path / "var", logs):
        os.chown(step, NOBODY, NOBODY)
        with pytest.raises(PermissionError) as refused:
            trust.made_folder(logs)
        assert refused.value.filename == str(step)
        os.chown(step, 0, 0)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    logs.rmdir()
    logs.symlink_to(theirs)
    with pytest.raises(PermissionError):
        trust.made_folder(logs / "deep")
    assert list(theirs.iterdir()) == []  # nor was anything made there


def test_the_folder_that_a_link_leads_to_is_made_again(tmp_path: Path) -> None:
    """Such as that of the logs on another disk; a link to a file stays an error that names the file."""
    logs = tmp_path / "log"
    logs.symlink_to(tmp_path / "disk" / "logs")
    assert trust.made_folder(logs, 0o700) == logs
    assert logs.is_symlink() and (tmp_path / "disk" / "logs").stat().st_mode & 0o777 == 0o700
    logs.unlink()
    logs.symlink_to(tmp_path / "file")
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError) as refused:
        trust.made_folder(logs)
    assert str(refused.value.filename) == str(tmp_path / "file")


@needs_root
def test_root_makes_nothing_behind_a_link_of_others(tmp_path: Path) -> None:
    logs = tmp_path / "log"
    logs.symlink_to(tmp_path / "gone")
    os.lchown(logs, NOBODY, NOBODY)
    with pytest.raises(PermissionError) as refused:
        trust.made_folder(logs)
    assert refused.value.filename == str(logs)
    assert not (tmp_path / "gone").exists()


def test_others_write_where_they_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    tmp_path.chmod(0o777)
    assert trust.made_folder(tmp_path / "log").is_dir()


@needs_root
def test_what_root_reads_is_looked_at_and_nothing_else(tmp_path: Path) -> None:
    own = project(tmp_path / "blog")
    (own.root / "more").mkdir()
    (own.root / "requirements.txt").write_text("-r more/base.txt\n")
    places = [own.env_file, own.root / ".env.example", own.root / "more" / "base.txt"]
    places += [own.root / "requirements.txt", own.var / "tls" / "key.pem", own.logs / "error.log"]
    (own.root / "run").touch()
    uploads = own.var / "uploads"
    for place in (*places, uploads):
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.touch()
    os.chown(uploads, NOBODY, NOBODY)
    check_trust.check(own)
    for place in [*places, own.var / "tls", own.var, own.root]:
        if place.name == "key.pem":  # its folder is looked at, so that nobody else can put it there
            continue
        os.chown(place, NOBODY, NOBODY)
        with pytest.raises(Problem) as refused:
            check_trust.check(own)
        assert refused.value.slug == "project-untrusted" and str(place) in refused.value.what
        os.chown(place, 0, 0)


LOCAL = {
    "editable": ("-e ../lib", "lib"),
    "equals": ("--editable=../lib[more]", "lib"),
    "its build": ("../lib", "lib/build/lib/x.py"),
    "a link in it": ("./../lib # ours", "elsewhere/module.py"),
    "a URL": ("x @ file://PLACE/lib", "lib/pyproject.toml"),
    "a URL without a space": ("x@file://localhost/PLACE/lib ; python_version > '3'", "lib"),
    "a repository": ("git+file://PLACE/lib@main#egg=x", "lib"),
    "a wheel": ("x.whl --hash=sha256:0", "blog/x.whl"),
    "a name with a space": ("x @ file://PLACE/more%20wheels/y.whl", "more wheels/y.whl"),
    "a folder of wheels": ("--find-links ../more\\ wheels\n-f=PLACE/wheels", "wheels/y.whl"),
    "a quoted path": ("-f '../more wheels' # it's here", "more wheels"),
    "a variable": ("${LIBRARY}", "lib"),
    "two lines": ("-e \\\n  ../lib", "lib"),
    "the project": ("-e .", "blog/setup.py"),
    "its version": ("-e .[all]", "blog/src/shop/__init__.py"),
    "a link to the project": ("../current", "blog/setup.py"),
    "the folder above": ("..", "setup.cfg"),
    "a constraint": ("-c more.txt", "lib"),
}


@needs_root
@pytest.mark.parametrize("name", LOCAL)
def test_root_builds_nothing_that_others_can_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Installers run setup.py, or what pyproject.toml names, of what is required from this machine."""
    listed, changed = LOCAL[name]
    own = project(tmp_path / "blog")
    monkeypatch.setenv("LIBRARY", str(tmp_path / "lib"))
    (own.root / "requirements.txt").write_text(listed.replace("PLACE", str(tmp_path)))
    (own.root / "more.txt").write_text("x @ file:../lib")
    made = ["setup.cfg", "lib/pyproject.toml", "lib/build/lib/x.py", "elsewhere/module.py"]
    made += ["wheels/y.whl", "more wheels/y.whl"]
    made += ["blog/x.whl", "blog/setup.py", "blog/src/shop/__init__.py", "blog/static/uploads/x.py"]
    for file in made:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "lib" / "package").symlink_to("../elsewhere")
    (tmp_path / "lib" / "itself").symlink_to(".")
    (tmp_path / "current").symlink_to("blog")
    os.chown(own.root / "static" / "uploads", NOBODY, NOBODY)  # which the application may have
    os.chown(own.root / "static" / "uploads" / "x.py", NOBODY, NOBODY)
    check_trust.check(own)
    os.chown(tmp_path / changed, NOBODY, NOBODY)
    with pytest.raises(Problem) as refused:
        check_trust.check(own)
    assert refused.value.slug == "project-untrusted" and "belongs to nobody" in refused.value.what
    (own.root / "run").touch(mode=0o755)
    typed(own, refused.value, EDITOR="sed -i d")  # the requirement, of which there is a copy
    check_trust.check(own)
    # What is outside of the project stays its owner's.
    assert changed.startswith("blog/") or (tmp_path / changed).lstat().st_uid == NOBODY


NESTED = {  # what root's project, or the library that it requires, names; PLACE is another user's
    "a dependency": ("lib/pyproject.toml", '[project]\ndependencies = ["x @ file://PLACE"]'),
    "a local dependency": ("lib/pyproject.toml", '[project]\ndependencies = ["x@file:PLACE"]'),
    "what builds it": ("lib/pyproject.toml", '[build-system]\nrequires = ["x @ file://PLACE"]'),
    "a dependency of Poetry": ("lib/pyproject.toml", '[tool.poetry.group.a]\nx = {path = "PLACE"}'),
    "a setup.cfg": ("lib/setup.cfg", "[options]\ninstall_requires =\n  x @ file://PLACE"),
    "a setup.py": ("lib/setup.py", "setup(install_requires=['x @ file://localhostPLACE'])"),
    "a library of a library": ("more/pyproject.toml", 'x = ["x @ file://PLACE#egg=x"]'),
    "links of uv": ("pyproject.toml", '[tool.uv]\nfind-links = ["PLACE"]'),
    "an index of uv": ("pyproject.toml", '[[tool.uv.index]]\nurl = "file://PLACE"'),
    "uv.toml": ("uv.toml", '[pip]\nfind-links = ["PLACE"]'),
    "a path that uv takes": ("lib/pyproject.toml", '[project]\ndependencies = ["x[a] @ PLACE"]'),
    "a path to build with": ("lib/pyproject.toml", '[build-system]\nrequires = ["x @ PLACE"]'),
    "a variable of uv": (
        "pyproject.toml",
        '[dependency-groups]\na = ["x @ file:///${PROJECT_ROOT}/../ann/x"]',
    ),
    "a dependency of PDM": ("lib/pyproject.toml", '[tool.pdm.dependencies]\nx = {path = "PLACE"}'),
    "a source of uv": ("lib/pyproject.toml", '[tool.uv.sources]\nx = { path = "../../ann/x" }'),
}


@needs_root
@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("name", NESTED)
def test_root_builds_nothing_that_a_library_requires_of_another_user(
    tmp_path: Path, name: str, exists: bool
) -> None:
    """Also what is not there yet: it can be made while a setup runs."""
    file, text = NESTED[name]
    own, home = project(tmp_path / "blog"), tmp_path / "ann"
    (own.root / "requirements.txt").write_text("-e ./lib\n")
    for library in ("lib", "more"):
        (own.root / library).mkdir()
    lib = own.root / "lib" / "pyproject.toml"
    lib.write_text('[project]\ndependencies = ["more @ file:../more", "Flask>=3", "a.b/c"]\n')
    with (own.root / file).open("a") as stream:
        stream.write(f"\n{text.replace('[project]', '')}\n".replace("PLACE", str(home / "x")))
    if "lib/pyproject" in file:
        lib.write_text(text.replace("PLACE", str(home / "x")))
    (home / "x").mkdir(parents=True)
    check_trust.check(own)
    os.chown(home, NOBODY, NOBODY)
    if not exists:
        (home / "x").rmdir()
    with pytest.raises(Problem) as refused:
        check_trust.check(own)
    assert "ann belongs to nobody" in " ".join(refused.value.what.split())
    assert f"vi}} {file} && ./run setup" in refused.value.remedy[0]
    assert "chown" not in refused.value.remedy[0]


WORDS = {  # what an honest project says of its application's files, or of a folder in /tmp
    "a comment": ("pyproject.toml", "# sqlite: file:PLACE?mode=rw"),
    "a description": (
        "pyproject.toml",
        '[tool.foo]\ntext = "see file:PLACE, and x @ https://a.b/c"',
    ),
    "a description with a path": ("pyproject.toml", '[tool.foo]\ntext = "x @ /PLACE"'),
    "the version of PDM": ("pyproject.toml", '[tool.pdm.version]\npath = "PLACE"'),
    "a path of another tool": ("pyproject.toml", '[[tool.foo.mount]]\npath = "PLACE"'),
    "what Poetry packs": ("pyproject.toml", '[tool.poetry]\ninclude = [{path = "PLACE"}]'),
    "what uv packs": ("pyproject.toml", '[tool.uv.build-backend]\ndata = {purelib = "PLACE"}'),
    "what uv leaves out": ("pyproject.toml", '[tool.uv.workspace]\nexclude = ["PLACE/*"]'),
    "another configuration": ("fly.toml", '[[mounts]]\npath = "PLACE"\nx = "x @ file:PLACE"'),
    "notes": ("notes.txt", "see file:PLACE\nx @ file:PLACE"),
    "notes that are named": ("README.txt", "see file:PLACE"),
    "a comment in code": ("setup.py", "# file:PLACE\n# x @ file:PLACE"),
    "a docstring": ("setup.py", '"""Type pip install\n\nx @ file:PLACE\n"""'),
    "a string": ("setup.py", "setup(options={'db': 'sqlite file:PLACE?mode=rw'})"),
    "broken code": ("setup.py", "see file:PLACE"),
    "a configuration": ("setup.cfg", "[metadata]\nlong_description = file:PLACE\n# x @ file:PLACE"),
}


@needs_root
@pytest.mark.parametrize("place", ["var/data/uploads", "SHARED/missing"])
@pytest.mark.parametrize("name", WORDS)
def test_a_word_in_a_file_is_no_place_that_root_obeys(
    tmp_path: Path, name: str, place: str
) -> None:
    """An honest project is not refused, with what to type so that its application loses its files."""
    file, text = WORDS[name]
    own, shared = project(tmp_path / "blog"), tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (own.data / "uploads").mkdir(parents=True)
    for path in (own.data, own.data / "uploads"):
        os.chown(path, NOBODY, NOBODY)
    (own.root / "requirements.txt").write_text("-e .\n")
    (own.root / "setup.cfg").write_text("[metadata]\nlong_description = file: README.txt\n")
    with (own.root / file).open("a") as stream:
        stream.write(f"\n{text}\n".replace("PLACE", place.replace("SHARED", str(shared))))
    check_trust.check(own)


LISTINGS = {  # from which a build takes its dependencies
    "pyproject.toml": '[tool.setuptools.dynamic]\ndependencies = {file = ["needs/base.in"]}',
    "setup.cfg": "[options]\ninstall_requires = file: other.txt, needs/base.in",
    "setup.py": "setup(install_requires=open('needs/base.in').read().splitlines())",
}


@needs_root
@pytest.mark.parametrize("file", LISTINGS)
def test_what_metadata_takes_from_a_text_file_counts(tmp_path: Path, file: str) -> None:
    own, home = project(tmp_path / "blog"), tmp_path / "ann"
    (own.root / "requirements.txt").write_text("-e .\n")
    with (own.root / file).open("a") as stream:
        stream.write(f"\n{LISTINGS[file]}\n")
    (own.root / "needs").mkdir()
    (own.root / "needs/base.in").write_text(f"Flask\nx @ git+file://{home}/x@main\n")
    (home / "x").mkdir(parents=True)
    check_trust.check(own)
    os.chown(home / "x", NOBODY, NOBODY)
    with pytest.raises(Problem) as refused:
        check_trust.check(own)
    assert "needs/base.in && ./run setup" in refused.value.remedy[0]


@needs_root
def test_the_application_keeps_its_files_where_root_requires_one(tmp_path: Path) -> None:
    """Root would build what the application can change; it is the requirement that has to go."""
    own = project(tmp_path / "blog")
    (own.data / "lib").mkdir(parents=True)
    for path in (own.data, own.data / "lib"):
        os.chown(path, NOBODY, NOBODY)
    (own.root / "requirements.txt").write_text("-e ./var/data/lib\n")
    (own.root / "run").touch(mode=0o755)
    with pytest.raises(Problem) as refused:
        check_trust.check(own)
    assert refused.value.remedy == ("${EDITOR:-vi} requirements.txt && ./run setup",)
    typed(own, refused.value, EDITOR="sed -i d")
    check_trust.check(own)
    assert own.data.stat().st_uid == NOBODY


CACHES = {
    "pyproject.toml": '[tool.uv]\ncache-dir = "../cache/uv"',
    "uv.toml": 'cache-dir = "../cache/uv"',
}


@needs_root
@pytest.mark.parametrize("file", CACHES)
def test_uvs_cache_is_roots_with_its_locks(tmp_path: Path, file: str) -> None:
    """uv lets everyone write to those. The rest of a cache is large, and as in any other folder uv's."""
    own, cache = project(tmp_path / "blog"), tmp_path / "cache/uv"
    with (own.root / file).open("a") as stream:
        stream.write(f"\n{CACHES[file]}\n")
    for lock in (cache / ".lock", cache / "git-v0/locks/x"):
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
        lock.chmod(0o666)
    check_trust.check(own)
    for changed in (cache, cache.parent):
        os.chown(changed, NOBODY, NOBODY)
        with pytest.raises(Problem) as refused:
            check_trust.check(own)
        assert f"vi}} {file} && ./run setup" in refused.value.remedy[0]
        assert "chown" not in refused.value.remedy[0]
        os.chown(changed, 0, 0)


@needs_root
def test_a_lock_of_uv_in_a_library_is_nothing_that_root_runs(tmp_path: Path) -> None:
    """As in an environment that uv has made there."""
    own, lock = project(tmp_path / "blog"), tmp_path / "lib/.venv/.lock"
    (own.root / "requirements.txt").write_text("-e ../lib\n")
    lock.parent.mkdir(parents=True)
    lock.touch()
    lock.chmod(0o666)
    check_trust.check(own)
    lock.rename(lock.with_name("module.py"))
    with pytest.raises(Problem, match="project-untrusted"):
        check_trust.check(own)


@needs_root
@pytest.mark.parametrize(
    "listed", ["--find-links PLACE/links", "-e PLACE/links/lib", "-f PLACE/link"]
)
def test_root_requires_nothing_that_others_can_make(tmp_path: Path, listed: str) -> None:
    """In /tmp, for example. In a folder of root, nobody else can."""
    own, shared = project(tmp_path / "blog"), tmp_path / "shared"
    shared.mkdir()
    (shared / "link").symlink_to("missing")
    (own.root / "run").touch(mode=0o755)
    (own.root / "requirements.txt").write_text(listed.replace("PLACE", str(shared)))
    check_trust.check(own)
    shared.chmod(0o1777)
    with pytest.raises(Problem) as refused:
        check_trust.check(own)
    assert "can be made by every user" in " ".join(refused.value.what.split())
    typed(own, refused.value, EDITOR="sed -i d")
    check_trust.check(own)


@needs_root
def test_what_another_user_wrote_is_not_read_to_find_more(tmp_path: Path) -> None:
    """It may be a pipe, for example."""
    own, theirs = project(tmp_path / "blog"), tmp_path / "lib"
    theirs.mkdir()
    os.mkfifo(theirs / "pyproject.toml")
    os.chown(theirs, NOBODY, NOBODY)
    (own.root / "requirements.txt").write_text("-e ../lib\n")
    with pytest.raises(Problem, match="project-untrusted"):
        check_trust.check(own)


def typed(own: Project, problem: Problem, **variables: str) -> None:
    """Type what a problem says."""
    for command in problem.remedy:
        subprocess.run(["sh", "-ec", command], cwd=own.root, check=True, env=os.environ | variables)


FOLLOWED = {  # each link of root's project, and where in the home of somebody else it leads
    "settings": (".env", "x"),
    "requirements": ("requirements-dev.txt", "x"),
    "included requirements": ("more.txt", "x"),
    "a folder of requirements": ("more", "folder"),
    "logs": ("var/log", "folder"),
    "a key": ("var/tls", "folder/missing"),
    "all of var": ("var", "folder"),
    "environments": ("var/env", "folder"),
    "the environment": (".venv", "folder"),
    "a part of a library": ("lib/package", "folder"),
}


@needs_root
@pytest.mark.parametrize("name", FOLLOWED)
def test_nobody_loses_their_home_where_root_has_a_link_to_it(tmp_path: Path, name: str) -> None:
    """The remedy is a copy, or does without the link."""
    place, target = FOLLOWED[name]
    own, home = project(tmp_path / "blog"), tmp_path / "ann"
    (home / "folder").mkdir(parents=True)
    (home / "folder" / "base.txt").touch()
    (home / "x").write_text("X=1\n")
    for path in (home, *home.glob("**/*")):
        os.chown(path, NOBODY, NOBODY)
    (own.root / "run").touch(mode=0o755)
    (own.root / "lib").mkdir()
    includes = {"more.txt": "-r more.txt\n", "more": "-r more/base.txt\n"}
    (own.root / "requirements.txt").write_text(includes.get(place, "-e ./lib\n"))
    link = own.root / place
    link.parent.mkdir(exist_ok=True)
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(home / target)
    own = Project(own.root)
    with pytest.raises(Problem) as refused:
        check_trust.check(own)
    typed(own, refused.value, EDITOR="true")
    check_trust.check(Project(own.root))
    assert all(path.lstat().st_uid == NOBODY for path in (home, *home.glob("**/*")))
    if "x" in target:
        assert link.read_text() == "X=1\n"


@needs_root
@pytest.mark.parametrize("place", [".env", "var/log", "var", "run"])
def test_a_link_that_somebody_else_has_made_is_removed(tmp_path: Path, place: str) -> None:
    """chmod would follow it: to all of the machine, for example."""
    own, led_to = project(tmp_path / "blog"), tmp_path / "all"
    led_to.mkdir()
    opened = led_to / "shared"
    opened.mkdir()
    opened.chmod(0o777)
    (own.root / "run").touch(mode=0o755)
    link = own.root / place
    link.parent.mkdir(exist_ok=True)
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(led_to)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(Problem) as refused:
        check_trust.check(Project(own.root))
    assert refused.value.remedy == (f"rm {link} && ./run setup",)


@needs_root
def test_a_place_that_was_entered_through_a_link_of_somebody_else(tmp_path: Path) -> None:
    own, theirs = project(tmp_path / "blog"), tmp_path / "ann"
    theirs.mkdir()
    (theirs / "current").symlink_to(own.root)
    os.chown(theirs, NOBODY, NOBODY)
    with pytest.raises(Problem) as refused:
        check_trust.check(Project(own.root, link=theirs / "current"))
    assert refused.value.remedy == (f"cd {own.root} && ./run",)


@needs_root
def test_environments_of_somebody_else_are_made_again(tmp_path: Path) -> None:
    """They would be run as root."""
    own = project(tmp_path / "blog")
    (own.root / "run").touch(mode=0o755)
    made = own.var / "env" / "20260101-000000-1"
    (made / "bin").mkdir(parents=True)
    own.venv.symlink_to(made)
    for path in (own.var / "env", made):
        os.chown(path, NOBODY, NOBODY)
    with pytest.raises(Problem) as refused:
        check_trust.check(own)
    typed(own, refused.value)
    assert not made.exists()
    check_trust.check(own)


@needs_root
def test_nobody_loses_their_home_by_a_remedy(tmp_path: Path) -> None:
    """Where root requires what is in it."""
    own, home = project(tmp_path / "blog"), tmp_path / "ann"
    (home / "lib").mkdir(parents=True)
    (home / "lib" / "setup.py").touch()
    os.chown(home, NOBODY, NOBODY)
    listed, run = own.root / "requirements.txt", own.root / "run"
    listed.write_text(f"-e {home}/lib\n")
    run.touch(mode=0o755)
    with pytest.raises(Problem) as refused:
        check_trust.check(own)
    edited = {"EDITOR": "sed -i s,-e.*,./lib,"}
    subprocess.run(
        ["sh", "-ec", *refused.value.remedy], cwd=own.root, check=True, env=os.environ | edited
    )
    check_trust.check(own)
    assert home.stat().st_uid == NOBODY


@pytest.fixture(params=["link", "home"])
def alien_python(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Project, Path]:
    """A project of root with a Python in a folder that another user may own, and that folder."""
    own, theirs, executed = project(tmp_path / "blog"), tmp_path / "theirs", tmp_path / "executed"
    theirs.mkdir()
    (own.venv / "bin").mkdir(parents=True)
    is_link = request.param == "link"  # or a copy, which still imports modules of `home`
    python = (theirs if is_link else own.venv / "bin") / "python"
    python.write_text(f"#!/bin/sh\ntouch {executed}\n")
    python.chmod(0o755)
    if is_link:
        (own.venv / "bin" / "python").symlink_to(python)
    else:
        (own.venv / "pyvenv.cfg").write_text(f"home = {theirs}\n")
    shutil.copy(TEMPLATE / "run", own.root)
    return own, theirs


@needs_root
def test_root_executes_no_python_of_another_user(
    tmp_path: Path, alien_python: tuple[Project, Path]
) -> None:
    own, theirs = alien_python
    os.chown(theirs, NOBODY, NOBODY)
    refused = subprocess.run(["sh", own.root / "run"], capture_output=True, text=True)
    assert f"others can change {theirs}" in refused.stderr
    assert refused.stderr.endswith("mv .venv .venv.$(date +%s) && ./run setup\n")
    assert not (tmp_path / "executed").exists()
    with pytest.raises(Problem) as told:
        check_trust.check(own)
    assert str(theirs) in told.value.what
    assert told.value.remedy == ("mv .venv .venv.$(date +%s) && ./run setup",)
    os.chown(theirs, 0, 0)
    check_trust.check(own)
    assert subprocess.run(["sh", own.root / "run"]).returncode == 0
    assert (tmp_path / "executed").exists()


def installed(calling: str) -> list[str]:
    """A command of root's own copy of the package, which is in no project."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); sys.argv[0] = 'flask-modwsgi'"
    return [sys.executable, "-B", "-I", "-c", f"{code}; {calling}"]


PAST_RUN = {
    "script": installed("from flask_modwsgi.cli.main import run; run()"),
    "module": installed("import runpy; runpy.run_module('flask_modwsgi', run_name='__main__')"),
}


@needs_root
@pytest.mark.parametrize("command", PAST_RUN)
@pytest.mark.parametrize("has_run", [True, False])
def test_past_run_root_runs_nothing_of_another_user(
    tmp_path: Path, command: str, has_run: bool
) -> None:
    """Status and doctor asked the Python of ``.venv`` for its version."""
    theirs, executed = project(tmp_path / "blog"), tmp_path / "executed"
    recipe = dict.fromkeys(environments.Recipe.__annotations__, "1")
    made = recipe | {"root": str(theirs.root), "python_version": "3.11.2", "development": False}
    bin_ = theirs.venv / "bin"
    bin_.mkdir(parents=True)
    (theirs.venv / "setup.json").write_text(json.dumps({"recipe": made}))
    for name in ("python", "python3", "httpd", "git"):
        (bin_ / name).write_text(f"#!/bin/sh\ntouch {executed}\n")
        (bin_ / name).chmod(0o755)
    if has_run:
        shutil.copy(bin_ / "python", theirs.root / "run")
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", theirs.root], check=True)
    tmp_path.chmod(0o755)
    below = theirs.root / "below"
    below.mkdir()
    for verb in ("status", "doctor", "stop", "setup"):
        done = subprocess.run(
            [*PAST_RUN[command], verb], cwd=below, capture_output=True, text=True, timeout=60
        )
        assert not executed.exists(), verb
        assert done.returncode == 1 and "project-untrusted" in done.stderr, (verb, done.stderr)


@needs_root
@pytest.mark.parametrize("command", PAST_RUN)
def test_past_run_root_runs_its_own_project(tmp_path: Path, command: str) -> None:
    """By the link that leads to it, which the project's own Python gets to know."""
    own, link = project(tmp_path / "blog"), tmp_path / "current"
    link.symlink_to(own.root)
    python = own.venv / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nfor word in "$PWD" "$@"; do echo "$word"; done\n')
    python.chmod(0o755)
    done = subprocess.run(
        [*PAST_RUN[command], "logs", "--lines", "a b"],
        cwd=link,
        capture_output=True,
        text=True,
        env=os.environ | {"PWD": str(link)},
    )
    words = [str(link), *["-I", "-X", "looked", "-m", "flask_modwsgi", "logs", "--lines"], "a b"]
    assert done.stdout.splitlines()[-len(words) :] == words, done.stderr


@pytest.mark.parametrize("shell", ["sh", "dash", "busybox sh"])
@pytest.mark.parametrize("place", ["/", "/srv"])
def test_a_folder_of_the_system_is_mended_in_its_place(
    tmp_path: Path, place: str, shell: str
) -> None:
    """Neither a move nor another environment would help. The programs say that others can change it."""
    if not shutil.which(shell.split()[0]):
        pytest.skip(f"install {shell.split()[0]}")
    own = project(tmp_path / "blog")
    (own.venv / "bin").mkdir(parents=True)
    (own.venv / "pyvenv.cfg").write_text("home = /srv/python/bin\n")
    shutil.copy(TEMPLATE / "run", own.root)
    said = {
        "id": "echo 0",
        "find": f"case $1 in {place}) echo $1 ;; .) echo drwxr-xr-x 2 root root ;; esac",
    }
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in said.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    asked = [*shell.split(), "-c", "command -v find"]
    if not subprocess.check_output(asked, text=True, env={"PATH": path}).startswith(str(programs)):
        pytest.skip(f"{shell} runs a find of its own")
    command = [*shell.split(), str(own.root / "run")]
    refused = subprocess.run(command, capture_output=True, text=True, env={"PATH": path})
    assert f"others can change {place}.\n" in refused.stderr
    assert refused.stderr.endswith(f" && chmod go-w {place}\n")
    assert "mv " not in refused.stderr and "rm " not in refused.stderr
    told = problems.project_untrusted(Path(place), "belongs to ann", Path("/srv/blog"), "")
    assert told.remedy == (f"chown -h root: {place} && chmod go-w {place}",)


@needs_root
@pytest.mark.parametrize("has_environment", [True, False])
def test_a_project_in_the_folder_of_another_user_is_moved(
    tmp_path: Path, has_environment: bool
) -> None:
    """Nothing of that folder becomes root's, also before the first setup."""
    own = project(tmp_path / "home/blog")
    if has_environment:
        (own.venv / "bin").mkdir(parents=True)
    shutil.copy(TEMPLATE / "run", own.root)
    os.chown(tmp_path / "home", 65534, 65534)
    refused = subprocess.run(
        ["sh", own.root / "run", "setup"], capture_output=True, text=True, timeout=60
    )
    assert f"others can change {tmp_path / 'home'}.\n" in refused.stderr
    assert refused.stderr.endswith(f"mv {own.root} /srv/ && /srv/blog/run setup\n")


PACKAGES = "blog/.venv/lib/python3/site-packages"
LINKS = {  # each link of root, and what another user owns of where it leads
    "a wheel": ("blog/wheels/x.whl", "../../shared/x.whl", "shared/x.whl"),
    "a folder above the wheel": ("blog/wheels/x.whl", "../../theirs/x.whl", "theirs"),
    "a link to the wheel": ("blog/wheels/x.whl", "../../theirs/link", "theirs"),
    "all wheels": ("blog/wheels", "../theirs/wheels", "theirs"),
    "a wheel that is missing": ("blog/wheels/x.whl", "../../theirs/missing", "theirs"),
    "a module": (f"{PACKAGES}/x.py", "PLACE/shared/x.whl", "shared/x.whl"),
    "a folder above a module": (f"{PACKAGES}/x.py", "PLACE/theirs/x.whl", "theirs"),
    "a package": (f"{PACKAGES}/package", "PLACE/shared", "shared"),
    "a file of a package": (f"{PACKAGES}/package", "PLACE/shared", "shared/deep/x.py"),
    "a link of a package": (f"{PACKAGES}/package", "PLACE/shared", "theirs"),
    "the Python": ("blog/.venv/bin/python", "PLACE/theirs/python", "theirs"),
}


@needs_root
@pytest.mark.parametrize("name", LINKS)
def test_root_follows_no_link_to_what_others_can_change(tmp_path: Path, name: str) -> None:
    """In what it runs. Without them, it runs."""
    link, target, changed = LINKS[name]
    own, executed = project(tmp_path / "blog"), tmp_path / "executed"
    shutil.copy(TEMPLATE / "run", own.root)
    (own.root / "run").chmod(0o755)
    made = ["shared/x.whl", "shared/deep/x.py", "theirs/x.whl", "theirs/wheels/x.whl"]
    for file in (*made, "blog/wheels/y.whl", f"{PACKAGES}/y.py", "shared/python"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "shared" / "python").write_text(f"#!/bin/sh\ntouch {executed}\n")
    (tmp_path / "shared" / "python").chmod(0o755)
    (tmp_path / "theirs" / "link").symlink_to("../shared/x.whl")
    (tmp_path / "theirs" / "python").symlink_to("../shared/python")
    (tmp_path / "shared" / "deep" / "link").symlink_to("../../theirs/x.whl")
    (tmp_path / "shared" / "deep" / "around").symlink_to("..")  # find would enter it for ever
    python = own.venv / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(tmp_path / "shared" / "python")
    (own.venv / "lib64").symlink_to("lib")
    data = tmp_path / "data"  # which is not run
    data.mkdir()
    (own.venv / "var").symlink_to(data)
    os.chown(data, NOBODY, NOBODY)
    assert environments._may_be_executed(own.venv)
    run = ["sh", str(own.root / "run"), "status"]
    assert subprocess.run(run).returncode == 0
    executed.unlink()
    if (tmp_path / link).is_symlink():
        (tmp_path / link).unlink()
    elif (tmp_path / link).exists():
        shutil.rmtree(tmp_path / link)
    (tmp_path / link).symlink_to(target.replace("PLACE", str(tmp_path)))
    os.chown(tmp_path / changed, NOBODY, NOBODY)
    refused = subprocess.run(run, capture_output=True, text=True)
    assert refused.returncode == 1 and "project-untrusted" in refused.stderr
    assert not executed.exists()
    assert "wheels" in link or not environments._may_be_executed(own.venv)
    if name == "a wheel that is missing":  # what is to be copied?
        return
    command = refused.stderr.splitlines()[-1].removeprefix("Type").strip()
    if "wheels" in link:
        assert command.endswith(
            "mv wheels wheels.$(date +%s) && git checkout -- wheels && ./run setup"
        )
    else:
        assert command == "mv .venv .venv.$(date +%s) && ./run setup"
    typed = subprocess.run(["sh", "-c", command], cwd=own.root, capture_output=True, text=True)
    assert typed.stderr and "project-untrusted" not in typed.stderr


def is_after(second: int) -> bool:
    return int(time.time()) > second


def test_what_is_put_aside_stays_where_that_is_typed_again(tmp_path: Path) -> None:
    """Into a folder of the same name, which may be somebody else's, it would be moved."""
    own = tmp_path.resolve()
    told = problems.project_untrusted(own / "x", "belongs to ann", own, "", rebuilt=Path(".venv"))
    move = told.remedy[0].partition(" && ")[0]
    for name in ("one", "two"):
        (own / ".venv").mkdir()
        (own / ".venv" / name).touch()
        subprocess.run(["sh", "-ec", move], cwd=own, check=True)
        moved = int(time.time())
        wait_for(partial(is_after, moved), 5, "another second")
    assert sorted(file.name for file in own.glob(".venv.*/*")) == ["one", "two"]


@needs_root
@pytest.mark.parametrize("place", [".", "run", ".venv/bin"])
def test_a_group_that_may_write_counts_also_if_it_is_roots(
    tmp_path: Path, alien_python: tuple[Project, Path], place: str
) -> None:
    """Its bits show the mask of an ACL: after `setfacl -m u:ann:rwX`, Ann can write."""
    own, _ = alien_python
    opened = own.root / place
    opened.chmod(0o775)
    refused = subprocess.run(["sh", own.root / "run"], capture_output=True, text=True)
    assert "project-untrusted" in refused.stderr
    assert not (tmp_path / "executed").exists()
    assert trust.foreign(opened) == "can be written by a group"
    command = refused.stderr.splitlines()[-1].removeprefix("Type").strip()
    if ".venv" in place:
        assert command == "mv .venv .venv.$(date +%s) && ./run setup"
        return
    subprocess.run(["sh", "-ec", command], cwd=own.root, check=True)
    assert subprocess.run(["sh", own.root / "run"]).returncode == 0
    assert (tmp_path / "executed").exists()


@needs_root
@pytest.mark.parametrize("given", ["own", "own/site.conf", "linked"])
def test_own_directives_are_roots_in_every_file(tmp_path: Path, given: str) -> None:
    """Apache reads all files below a folder."""
    facts = Facts(project(tmp_path))
    facts.settings = settings.load({"APACHE_INCLUDE": given})
    file = tmp_path / "own" / "site.conf"
    file.parent.mkdir()
    file.touch()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "more").symlink_to(file.parent)
    assert check_trust.included(facts) == str(tmp_path / given)
    os.chown(file, NOBODY, NOBODY)
    with pytest.raises(Problem) as refused:
        check_trust.included(facts)
    assert "site.conf belongs to nobody" in " ".join(refused.value.what.split())


@needs_root
def test_nobody_loses_their_home_by_own_directives(tmp_path: Path) -> None:
    facts, home = Facts(project(tmp_path / "blog")), tmp_path / "ann"
    home.mkdir()
    (home / "site.conf").touch()
    os.chown(home, NOBODY, NOBODY)
    (facts.project.root / "run").touch(mode=0o755)
    facts.settings = settings.load({"APACHE_INCLUDE": "../ann/site.conf"})
    with pytest.raises(Problem) as refused:
        check_trust.included(facts)
    typed(facts.project, refused.value, EDITOR="touch")
    assert (facts.project.root / "site.conf").exists() and facts.project.env_file.exists()
    assert home.stat().st_uid == NOBODY


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_log_is_a_file_whatever_has_its_name(tmp_path: Path, kind: str) -> None:
    log, other = tmp_path / "error.log", tmp_path / "other"
    other.write_text("secret\n")
    if kind == "link":
        log.symlink_to(other)
    else:
        os.mkfifo(log)
    assert RotatedFile(log, 100, 1).write(b"a line\n") == 7
    assert log.read_text() == "a line\n" and not log.is_symlink()
    assert other.read_text() == "secret\n"


def test_a_folder_behind_a_link_keeps_its_mode(tmp_path: Path) -> None:
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir(mode=0o755)
    link.symlink_to(folder)
    files.make_private(link)
    assert folder.stat().st_mode & 0o777 == 0o755
    files.make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


@needs_root
def test_no_lock_is_written_where_others_can(tmp_path: Path) -> None:
    """It would be, by its name, in a folder of their choice; a server is stopped all the same."""
    theirs, roots = tmp_path / "theirs", tmp_path / "roots"
    theirs.mkdir()
    roots.mkdir()
    (roots / "server.lock").write_text("of another program")
    (theirs / "var").symlink_to(roots)
    os.chown(theirs, NOBODY, NOBODY)
    with locks.held(Project(theirs), "server"):
        assert (roots / "server.lock").read_text() == "of another program"
    before = (roots / "server.lock").stat()
    locks.share(Project(theirs), "server", accounts.by_id(NOBODY))
    after = (roots / "server.lock").stat()
    assert (after.st_mode, after.st_gid) == (before.st_mode, before.st_gid)


@needs_root
@pytest.mark.parametrize("verb", ["start", "restart"])
def test_a_start_takes_the_lock_from_the_run_user_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Who could keep it from root for ever."""
    own = project(tmp_path / "blog")
    former, now = Account("former", 54321, "former", 54321), Account("now", 54322, "now", 54322)
    locks.share(own, "server", former)
    site = SimpleNamespace(account=now, project=own)
    monkeypatch.setattr(launch, "for_production", lambda *_, **__: site)
    monkeypatch.setattr(import_check, "check_for_production", lambda site: site)
    monkeypatch.setattr(background, "Httpd", lambda site: Mock())
    monkeypatch.setattr(background, "_say_what_runs", lambda server: None)
    assert getattr(background, verb)(own, {}) == 0
    status = (own.var / "server.lock").stat()
    assert (status.st_uid, status.st_gid) == (0, 54322)
    assert status.st_mode & 0o777 == 0o640


@needs_root
def test_a_file_is_given_to_one_user(tmp_path: Path) -> None:
    file = tmp_path / "file"
    files.write(file, "secret", 0o400, NOBODY)
    status = file.stat()
    assert (status.st_uid, status.st_mode & 0o777) == (NOBODY, 0o400)
    files.write(file, "another", 0o400, NOBODY)
    assert files.text(file) == "another"


def test_no_member_of_roots_group_is_a_run_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "groups", lambda account: [account.gid, 0])
    for name in ("nobody", ""):
        with pytest.raises(Problem) as refused:
            accounts.choose(name)
        assert refused.value.slug == "run-user-invalid"


@needs_root
@pytest.mark.parametrize("name", ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"])
def test_root_leaves_the_home_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """In which git has settings that name programs, and uv packages that it installs."""
    theirs, own = tmp_path / "theirs", tmp_path / "own"
    theirs.mkdir()
    own.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    monkeypatch.setenv("HOME", str(own))
    monkeypatch.setenv(name, str(theirs / ".cache"))
    trust.leave_foreign_home()
    assert str(theirs) not in os.environ.get(name, "")
    assert os.environ["HOME"] == (pwd.getpwuid(0).pw_dir if name == "HOME" else str(own))


def test_a_home_that_is_not_set_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where even the root folder is of another user, as in some containers."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(trust, "first_foreign", lambda paths: (Path("/"), "belongs to nobody"))
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    trust.leave_foreign_home()
    assert os.environ["HOME"] == pwd.getpwuid(0).pw_dir
