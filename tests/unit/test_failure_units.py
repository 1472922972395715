"""Failures that are found before anything is built, and the table in docs/failures.md.

The table is compared with the tests and the problems that there are.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from flask_modwsgi.doctor import explain
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import apaches, built, interpreters, pins

TABLE = (ROOT / "docs" / "failures.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([A-E]\d+) \| (.+?) \| (.+?) \| (.*?) ?\| (.+?) \|$", TABLE, re.MULTILINE)


# --- The table


def exists(name: str) -> bool:
    """Whether there is that test, as ``file::function[parameters]``."""
    file, _, test = name.partition("::")
    function, _, parameters = test.rstrip("]").partition("[")
    text = next(ROOT.glob(f"tests/*/{file}")).read_text("utf-8")
    return f"\ndef {function}(" in text and f'"{parameters}"' in (text if parameters else '""')


def slugs() -> set[str]:
    """Every name of a problem, and what status says of a server."""
    status = (ROOT / "src/flask_modwsgi/server/health_summary.py").read_text("utf-8")
    return {*explain.catalogue(), *re.findall(r'"slug": "([a-z-]+)"', status)}


def test_the_table_names_tests_that_exist() -> None:
    named = [name for row in ROWS for name in re.findall(r"`([^`]+)`", row[4])]
    assert len(named) >= len(ROWS)
    assert [name for name in named if not exists(name)] == []
    assert not exists("test_failure_units.py::test_nothing")
    assert not exists("test_diagnosis.py::test_a_process_that[sings]")


def test_the_table_names_problems_that_exist() -> None:
    named = {slug for row in ROWS for slug in re.findall(r"`([^`]+)`", row[3])}
    assert len(named) > 20
    assert named - slugs() == set()


def test_the_table_is_complete_and_says_what_is_done() -> None:
    assert len({row[0] for row in ROWS}) == len(ROWS) >= 60
    for row, _, kind, slug, tests in ROWS:
        assert kind in ("prevented", "detected before", "explained after", "noted"), row
        # The hook that checks answers has no names for what it refuses.
        assert slug or kind in ("prevented", "noted") or "test_answers.py" in tests, row


# --- Before anything is built


def fake_apxs(folder: Path, **answers: Path | str) -> Path:
    """An apxs that says where the parts of an Apache are, of which only the program exists."""
    cases = "".join(f"  {name}) echo {value} ;;\n" for name, value in answers.items())
    program = folder / "apxs"
    program.write_text(f'#!/bin/sh\ncase "$2" in\n{cases}esac\n')
    program.chmod(0o755)
    return program


def test_an_apache_without_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"SBINDIR": tmp_path, "PROGNAME": Path("httpd"), "INCLUDEDIR": tmp_path / "include"}
    monkeypatch.setenv("APXS", str(fake_apxs(tmp_path, **places)))
    with pytest.raises(Problem) as refused:
        apaches.choose("system")
    assert refused.value.slug == "apache-missing"
    assert f"a header is missing ({tmp_path}/include/httpd.h)" in refused.value.what


def whole_apache(folder: Path) -> Path:
    """An apxs with all parts of an Apache; whoever runs one of its programs leaves ``executed``."""
    (folder / "httpd.h").parent.mkdir(parents=True)
    for name in ("httpd.h", "mod_mpm_event.so", "apr-1-config"):
        (folder / name).touch()
    httpd = folder / "httpd"
    httpd.write_text(f"#!/bin/sh\n: >{folder}/executed\necho Server version: Apache/2.4.62\n")
    httpd.chmod(0o755)
    places: dict[str, Path | str] = dict.fromkeys(("SBINDIR", "INCLUDEDIR", "LIBEXECDIR"), folder)
    apxs = fake_apxs(folder, PROGNAME="httpd", APR_CONFIG=folder / "apr-1-config", **places)
    with apxs.open("a") as program:
        program.write(f": >{folder}/executed\n")
    return apxs


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away; run it as root")
@pytest.mark.parametrize("is_chosen", [False, True])
def test_root_does_not_ask_the_apxs_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_chosen: bool
) -> None:
    """As Homebrew's is, where setup looks whatever the PATH of root is."""
    theirs, own = tmp_path / "theirs", tmp_path / "own"
    apxs = whole_apache(theirs)
    os.chown(theirs, 65534, 65534)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(apaches, "USUAL_PLACES", [str(theirs), str(own)])
    if is_chosen:
        monkeypatch.setenv("APXS", str(apxs))
    with pytest.raises(Problem) as refused:
        apaches.choose("system")
    assert f"{theirs} belongs to nobody, and root would run it" in refused.value.what
    chosen, missing = apaches.choose("auto")
    assert chosen == apaches.BUNDLED and "nobody" in missing[0]
    if not is_chosen:
        ours = whole_apache(own)
        assert apaches.choose("system") == (apaches.Apache("system", "2.4.62", ours), [])
        assert (own / "executed").exists()
    assert not (theirs / "executed").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away; run it as root")
@pytest.mark.parametrize("part", ["httpd", "httpd.h", "apr-1-config", "mod_mpm_event.so"])
def test_root_builds_against_no_apache_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Its program, modules and headers."""
    apxs = whole_apache(tmp_path / "apache")
    monkeypatch.setenv("APXS", str(apxs))
    assert apaches.choose("system")[0].apxs == apxs
    os.chown(apxs.parent / part, 65534, 65534)
    with pytest.raises(Problem) as refused:
        apaches.choose("system")
    assert f"{part} belongs to nobody, and root would run it" in refused.value.what


def test_a_compiler_without_the_files_of_fedora(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = interpreters.probe(Path(sys.executable))
    assert python
    spec = tmp_path / "redhat-hardened-cc1"
    apxs = fake_apxs(tmp_path, CFLAGS=f"'-O2 -specs={spec} -g'")
    system = apaches.Apache("system", "2.4", apxs)
    assert str(spec) in apaches.missing_tools(system, python)
    spec.touch()
    assert str(spec) not in apaches.missing_tools(system, python)


def test_one_mod_wsgi_is_installed() -> None:
    """With two, the one that was compiled first decides which Apache it is."""
    for kind, other in (("system", "mod_wsgi-standalone"), ("bundled", "mod_wsgi")):
        text = pins.text(kind)
        names = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
        assert sum(name.lower().replace("-", "_").startswith("mod_wsgi") for name in names) == 1
        assert other not in names


def test_without_expat_the_bundled_apache_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    python = interpreters.probe(Path(sys.executable))
    assert python
    monkeypatch.setenv("CC", "false")  # something that runs, and finds no header
    assert "expat.h" in apaches.missing_tools(apaches.Apache("bundled", "2.4"), python)


@pytest.mark.parametrize("brew", [True, False], ids=["with Homebrew", "without"])
def test_the_apache_of_apple_is_not_taken(monkeypatch: pytest.MonkeyPatch, brew: bool) -> None:
    """It loads only modules that are signed, and its folders cannot be written."""
    there = {"/usr/sbin/apxs"} | ({"/opt/homebrew/bin/apxs"} if brew else set())

    def which(name: str, path: str = "") -> str | None:
        places = (f"{folder}/{name}" for folder in path.split(os.pathsep))
        return next((place for place in places if place in there), None)

    monkeypatch.delenv("APXS", raising=False)
    monkeypatch.setenv("PATH", "/opt/homebrew/bin:/usr/bin" if brew else "/usr/bin")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(shutil, "which", which)
    found = next(apaches._candidates(), None)
    assert found == (Path("/opt/homebrew/bin/apxs") if brew else None)


def compiled(folder: Path, *options: str) -> Path:
    """A library of no content."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("no compiler; on Debian: apt-get install gcc")
    (folder / "empty.c").write_text("int empty;\n")
    library = folder / "module.so"
    words: list[str | Path] = [
        compiler,
        "-shared",
        "-fPIC",
        "-o",
        library,
        folder / "empty.c",
        *options,
    ]
    subprocess.run(words, check=True)
    return library


def test_a_module_whose_libpython_is_not_found(tmp_path: Path) -> None:
    gone = compiled(tmp_path, "-Wl,-soname,libpython3.99.so.1").rename(
        tmp_path / "libpython3.99.so"
    )
    module = compiled(tmp_path, "-Wl,--no-as-needed", f"-L{tmp_path}", "-lpython3.99")
    gone.unlink()
    assert built._unresolved(module) == ["the library libpython3.99.so.1 is not found"]


def test_a_module_that_takes_libraries_from_anybody(tmp_path: Path) -> None:
    """As when it was built in an environment that is thrown away."""
    place = tmp_path / "open" / "gone"
    place.parent.mkdir()
    place.parent.chmod(0o777)
    module = compiled(tmp_path, f"-Wl,-rpath,{place}")
    assert built._doubtful_search_paths(module) == [f"anybody may put libraries into {place}"]
    place.parent.chmod(0o755)
    assert built._doubtful_search_paths(module) == []
