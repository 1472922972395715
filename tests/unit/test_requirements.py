"""What a project requires, and why an installer refused it."""

import re
import shlex
import shutil
import time
import tomllib
from pathlib import Path

import pytest

from flask_modwsgi.config.project import Project
from flask_modwsgi.problems import systems
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import commands, refusals, requirements

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "requirements.txt").write_text("Flask\n")
    return Project(tmp_path)


def require(project: Project, text: str) -> None:
    (project.root / "requirements.txt").write_text(text)


def test_the_tools_come_first_so_that_the_application_wins(project: Project) -> None:
    own, tools = project.root / "requirements.txt", project.root / "requirements-dev.txt"
    assert requirements.files(project, development=True) == [own]
    tools.touch()
    assert requirements.files(project, development=True) == [tools, own]
    assert requirements.files(project, development=False) == [own]
    own.unlink()
    with pytest.raises(Problem) as caught:
        requirements.files(project, development=True)
    assert caught.value.slug == "requirements-missing"


@pytest.mark.parametrize(
    "line", ["-r more.txt", "-rmore.txt", "--requirement=more.txt", "-c more.txt", "  -r more.txt"]
)
def test_what_is_included_counts(project: Project, line: str) -> None:
    require(project, f"Flask\n{line}\n")
    more = project.root / "more.txt"
    more.write_text("click\n")
    before = requirements.digest(project, development=True)
    assert not requirements.are_hashed(project.root / "requirements.txt")
    more.write_text("click==8.1 --hash=sha256:1\n")
    assert requirements.digest(project, development=True) != before
    assert requirements.are_hashed(project.root / "requirements.txt")


def test_files_that_include_each_other(project: Project) -> None:
    require(project, "-r more.txt\n-r gone.txt\n")
    (project.root / "more.txt").write_text("-r requirements.txt\n")
    found = [path.name for path in requirements.with_included([project.root / "requirements.txt"])]
    assert found == ["requirements.txt", "more.txt"]


@pytest.mark.parametrize(
    ("line", "changed", "counts"),
    [
        ("./lib", "lib/code.py", True),
        ("./lib[extra] ; python_version > '3'", "lib/code.py", True),
        ("code @ file:lib", "lib/code.py", False),  # a name without a slash is none of a folder
        ("code @ ./lib", "lib/code.py", True),
        ("-e ./lib", "lib/code.py", False),
        ("-e ./lib", "lib/pyproject.toml", True),
        ("--editable=./lib#egg=code", "lib/setup.cfg", True),
        (".", "lib/code.py", True),
        (".", "var/code.py", False),
        (".", ".venv/code.py", False),
        ("-e .", "lib/code.py", False),
        ("./lib/code-1.0.whl", "lib/code-1.0.whl", True),
        ("git+https://example.org/lib/code", "lib/code.py", False),
        ("lib", "lib/code.py", False),
        ("./bare", "bare/code.py", False),  # no package; nor is "/", which has very many files
    ],
)
def test_local_requirements(project: Project, line: str, changed: str, counts: bool) -> None:
    require(project, f"{line}\n")
    names = ("code.py", "pyproject.toml", "setup.cfg", "code-1.0.whl")
    for folder in ("lib", "var", ".venv"):
        (project.root / folder).mkdir()
        for name in names:
            (project.root / folder / name).write_text("before")
    (project.root / "setup.py").touch()
    (project.root / "bare").mkdir()
    (project.root / "bare/code.py").write_text("before")
    before = requirements.digest(project, development=True)
    assert requirements.digest(project, development=True) == before
    (project.root / changed).write_text("after")
    assert (requirements.digest(project, development=True) != before) == counts


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_what_powershell_wrote(project: Project, encoding: str) -> None:
    """pip and uv read it, too."""
    file = project.root / "requirements.txt"
    file.write_bytes("mod_wsgi==5.0.0 --hash=sha256:1\r\n".encode(encoding))
    assert requirements.are_hashed(file)
    with pytest.raises(Problem, match="requirements-own"):
        requirements.refuse_own(project, development=True)


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("mod_wsgi==5.0.0", "mod-wsgi"),
        ("  Mod-WSGI_standalone>=5", "mod-wsgi-standalone"),
        ("flask_modwsgi", "flask-modwsgi"),
        ("mod_wsgi_telemetry==1", ""),
        ("# mod_wsgi", ""),
        ("flask  # for mod_wsgi", ""),
    ],
)
def test_what_setup_installs_by_itself(project: Project, line: str, refused: str) -> None:
    require(project, f"Flask\n{line}\n")
    try:
        requirements.refuse_own(project, development=True)
        assert not refused
    except Problem as problem:
        assert problem.slug == "requirements-own"
        assert f"lists {refused}," in problem.what


def test_what_the_project_has_is_not_installed_again() -> None:
    text = requirements.lacking({"psutil": "5.9.0", "python-dotenv": "1.0.0"})
    assert "psutil==" not in text and "python-dotenv==" not in text
    assert "prometheus-client==" in text and "--hash=sha256:" in text
    assert requirements.lacking(requirements.provided()).strip() == ""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needs = pyproject["project"]["dependencies"]
    assert requirements.conflicts(needs, requirements.provided()) == [
        "Flask is missing, and flask-modwsgi needs 3.0 or newer"
    ]


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ({"flask": "3.1.3"}, []),
        ({"flask": "3"}, []),
        ({"flask": "3.0.0rc1"}, []),
        ({"flask": "2.3.3"}, ["Flask is 2.3.3, and flask-modwsgi needs 3.0 or newer"]),
        ({}, ["Flask is missing, and flask-modwsgi needs 3.0 or newer"]),
    ],
)
def test_versions_that_are_too_old(installed: dict[str, str], found: list[str]) -> None:
    assert requirements.conflicts(["Flask>=3.0"], installed) == found


@pytest.mark.parametrize(
    ("name", "source"),
    [("requirements.txt", "pyproject.toml"), ("requirements-dev.txt", "pyproject.toml:dev")],
)
def test_the_templates_pins_are_compiled_from_its_dependencies(name: str, source: str) -> None:
    """As the command in its README does it; a package that was added there only would be missed."""
    folder = next(ROOT.glob("{{cookiecutter.*}}"))
    project = tomllib.loads(re.sub(r"{{.*?}}", "1", (folder / "pyproject.toml").read_text("utf-8")))
    listed = {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-dev.txt": project["dependency-groups"]["dev"],
    }[name]
    blocks = re.split(r"\n(?=\S)", (folder / name).read_text("utf-8"))
    direct = [block.partition("==")[0] for block in blocks if f"({source})" in block]
    assert direct == sorted(map(requirements.normalised, listed))
    assert all("--hash=sha256:" in block for block in blocks)


# What pip 23 and 26 and uv 0.13 print.
NO_LOGIN = "WARNING: 401 Error, Credentials not correct for https://one.example.org/simple/x/\n"
UNTRUSTED = """\
WARNING: The repository located at 10.0.0.1 is not a trusted or secure host and is being ignored.
"""
RETRYING = """\
WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(\
'Failed to establish a new connection: [Errno 111] Connection refused')': /simple/x/
"""
REFUSALS = {
    "requirements-conflict": [
        """\
ERROR: Cannot install -r requirements.txt (line 1) and werkzeug==2.0.0 because these package \
versions have conflicting dependencies.

The conflict is caused by:
    The user requested werkzeug==2.0.0
    flask 3.1.3 depends on werkzeug>=3.1.0

To fix this you could try to:
1. loosen the range of package versions you've specified

ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/
""",
        """\
Using Python 3.11.2 environment at: v
error: No solution found when resolving dependencies
  cause: Because flask>=3.1.3 depends on werkzeug>=3.1.0 and you require flask==3.1.3, we can \
conclude that you require werkzeug>=3.1.0.
         And because you require werkzeug==2.0.0, we can conclude that your requirements are \
unsatisfiable.
""",
    ],
    "package-unknown": [
        """\
ERROR: Could not find a version that satisfies the requirement werkzeug==2.0.0 (from versions: none)
ERROR: No matching distribution found for werkzeug==2.0.0
""",
        """\
error: No solution found when resolving dependencies
  cause: Because werkzeug was not found in the package registry and you require werkzeug==2.0.0, \
we can conclude that your requirements are unsatisfiable.
""",
        """\
  cause: Because there is no version of werkzeug==2.0.0 and you require werkzeug==2.0.0, we can
""",
    ],
    "hashes-missing": [
        """\
ERROR: Hashes are required in --require-hashes mode, but they are missing from some requirements. \
Here is a list of those requirements along with the hashes their downloaded archives actually had.
    werkzeug==2.0.0 --hash=sha256:70761cfe
""",
        "error: In `--require-hashes` mode, all requirements must have a hash, but none were "
        "provided for: werkzeug==2.0.0\n",
        "ERROR: The editable requirement file:///werkzeug (from -r requirements.txt (line 9)) cannot "
        "be installed when requiring hashes, because there is no single file to hash.\n",
        "ERROR: In --require-hashes mode, all requirements must have their versions pinned with ==. "
        "These do not:\n    werkzeug from https://files.example.org/werkzeug.whl (from flask)\n",
    ],
    "hash-mismatch": [
        """\
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated
    werkzeug==2.0.0 from https://files.example.org/werkzeug.whl:
        Expected sha256 00000000
             Got        ba0efaa9
""",
        """\
error: Failed to download `werkzeug==2.0.0`
  cause: Hash mismatch for `werkzeug==2.0.0`
""",
    ],
    "package-unbuildable": [
        """\
      bad.c:1:10: fatal error: nothing.h: No such file or directory
      [end of output]
  ERROR: Failed building wheel for werkzeug
Failed to build werkzeug
""",
        """\
error: Failed to build `werkzeug @ file:///lib`
         bad.c:1:10: fatal error: nothing.h: No such file or directory
""",
        """\
Collecting flask==3.1.3 (from -r requirements.txt (line 1))
Collecting werkzeug==2.0.0 (from -r requirements.txt (line 2))
  Getting requirements to build wheel: finished with status 'error'
  error: subprocess-exited-with-error
  Getting requirements to build wheel did not run successfully.
  ╰─> [2 lines of output]
      Error: nothing.h not found.
      [end of output]
error: subprocess-exited-with-error
""",
        """\
Processing ./werkzeug-2.0.0.tar.gz (from -r requirements.txt (line 1))
  Preparing metadata (setup.py): finished with status 'error'
  python setup.py egg_info did not run successfully.
      Exception: Can not find nothing.h.
error: metadata-generation-failed
""",
        """\
  error: subprocess-exited-with-error
      RuntimeError: nothing.h not found.
ERROR: Failed to build 'werkzeug' when getting requirements to build wheel
""",
        """\
error: Failed to build `werkzeug==2.0.0`
  cause: The build backend returned an error
         Error: nothing.h not found.
""",
    ],
    "network-unreachable": [
        "WARNING: Retrying: NewConnectionError: Failed to establish a new connection\n"
        "ERROR: No matching distribution found for werkzeug==2.0.0\n",
        "error: Failed to fetch: https://example.org/werkzeug/\n  cause: dns error\n",
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'OSError('Tunnel connection "
        "failed: 407 Proxy Authentication Required')': /simple/werkzeug/\n"
        "ERROR: No matching distribution found for werkzeug==2.0.0\n",
        "Could not fetch URL https://example.org/simple/werkzeug/: There was a problem confirming the "
        "ssl certificate: [SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate - skipping\n"
        "ERROR: No matching distribution found for werkzeug==2.0.0\n",
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'ConnectTimeoutError('Connection "
        "to example.org timed out.')': /simple/werkzeug/\n"
        "ERROR: No matching distribution found for werkzeug==2.0.0\n",
        f"{UNTRUSTED}ERROR: No matching distribution found for werkzeug==2.0.0\n",
        f"{RETRYING}ERROR: Failed to build 'x' when installing build dependencies\n",
        "error: Failed to build `x`\n  cause: Failed to resolve requirements from "
        "`build-system.requires`\n  cause: dns error\n",
    ],
    "index-login-refused": [
        "User for werkzeug.example.org: ERROR: Exception:\nTraceback (most recent call last):\n"
        "EOFError: EOF when reading a line\n",
        "WARNING: 401 Error, Credentials not correct for https://werkzeug.example.org/simple/x/\n"
        "ERROR: No matching distribution found for x==2.0.0\n",
        "error: No solution found when resolving dependencies\n  cause: Because x was not found in the "
        "package registry and you require x==1.9.0, your requirements are unsatisfiable.\n\n"
        "hint: An index URL (https://me@werkzeug.example.org:80/simple) could not be queried due to a "
        "lack of valid authentication credentials (401 Unauthorized)\n",
    ],
    "disk-full": [
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
    ],
    "install-failed": ["ERROR: Invalid requirement: 'werkzeug @@ x'\n"],
}


@pytest.mark.parametrize("warning", [NO_LOGIN, UNTRUSTED, RETRYING])
@pytest.mark.parametrize(
    ("slug", "text"),
    [
        ("requirements-conflict", REFUSALS["requirements-conflict"][0]),
        ("hashes-missing", REFUSALS["hashes-missing"][0]),
        ("hash-mismatch", REFUSALS["hash-mismatch"][0]),
        *(
            ("package-unbuildable", REFUSALS["package-unbuildable"][place])
            for place in (0, 2, 3, 4)
        ),
        ("disk-full", REFUSALS["disk-full"][0]),
    ],
)
def test_a_warning_about_one_index_hides_no_cause(slug: str, text: str, warning: str) -> None:
    """Another index had the package, or the next request was answered."""
    problem = refusals.reason("Installing requirements.txt", warning + text, Path("setup.log"))
    assert problem.slug == slug


@pytest.mark.parametrize(
    ("wanted", "may_need_another"),
    [
        ("soupsieve==4.1.3", True),
        ("soupsieve[x]==4.1.3;", True),
        ("soupsieve==4.1", False),  # not 4.1.3
        ("soupsieve>=4.1.3", False),
    ],
)
def test_a_version_for_another_python_is_told(
    wanted: str, may_need_another: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip-compile pins it that runs with another Python than the project does.

    It may be a version of another package: pip lists all that it has asked for.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "pip-compile" else None)
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.2\n")
    output = (
        "ERROR: Ignored the following versions that require a different python version: "
        "3.0.2 Requires-Python >=3.11.5; 4.1.3 Requires-Python >=3.11.5,<4; 5 Requires-Python >=3.12\n"
        f"ERROR: Could not find a version that satisfies the requirement {wanted} (from x)\n"
        f"ERROR: No matching distribution found for {wanted} (from x)\n"
    )
    python = tmp_path / "bin" / "python"
    told = refusals.reason("Installing requirements.txt", output, Path("setup.log"), python)
    package = wanted.rstrip(";")
    assert told.slug == "package-unknown"
    assert told.what == f"The package index has no {package}, or none for this Python and system."
    ignored = "pip ignored 4.1.3 of this package or another one, which needs Python >=3.11.5,<4;"
    assert (f"{ignored} the project has Python 3.11.2." in told.why) == may_need_another
    assert "The name may be misspelt" in told.why
    assert ("PYTHON=/path/to/python3 ./run setup" in told.remedy) == may_need_another
    if may_need_another:
        assert told.remedy[0] == (
            "python3 -m venv var/uv && var/uv/bin/pip install uv"
            f" && var/uv/bin/{systems.COMPILE} && ./run setup"
        )
        tools = refusals.reason("Installing requirements-dev.txt", output, Path("log"), python)
        assert f"var/uv/bin/{systems.COMPILE_TOOLS} && ./run setup" in tools.remedy[0]
    (tmp_path / "requirements.txt").write_text("soupsieve==4.1.3\n")
    told = refusals.reason("Installing requirements.txt", output, Path("setup.log"), python)
    assert "${EDITOR:-vi} requirements.txt && ./run setup" in told.remedy


UNKNOWN = "ERROR: No matching distribution found for Sound.Sieve[x]==4.1.3\n"
BY_HAND, COMPILED = "sound-sieve==4.1.3\n", "sound-sieve==4.1.3 \\\n    --hash=sha256:0\n"
NAMED = '[project]\ndependencies = ["sound_sieve == 4.1.3"]\n'


@pytest.mark.parametrize(
    ("doing", "files", "edited", "compiled"),
    [
        (
            "requirements.txt",
            {"requirements.txt": BY_HAND, "pyproject.toml": NAMED},
            "requirements.txt",
            "",
        ),
        ("requirements.txt", {"requirements.txt": COMPILED}, "", systems.COMPILE),
        (
            "requirements.txt",
            {"requirements.txt": COMPILED, "pyproject.toml": NAMED},
            "pyproject.toml",
            systems.COMPILE,
        ),
        (
            "requirements-dev.txt",
            {"requirements.txt": BY_HAND, "requirements-dev.txt": BY_HAND},
            "requirements-dev.txt",
            "",
        ),
        (
            "requirements-dev.txt",
            {"requirements-dev.txt": COMPILED, "pyproject.toml": NAMED},
            "pyproject.toml",
            systems.COMPILE_TOOLS,
        ),
        ("mod_wsgi", {"requirements.txt": BY_HAND, "pyproject.toml": NAMED}, "", ""),
    ],
)
def test_the_file_to_edit_is_the_one_that_names_an_unknown_package(
    doing: str,
    files: dict[str, str],
    edited: str,
    compiled: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "uv" else None)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    told = refusals.reason(f"Installing {doing}", UNKNOWN, Path("setup.log"))
    assert told.slug == "package-unknown"
    words = [f"${{EDITOR:-vi}} {edited}"] if edited else []
    words += [compiled] if compiled else []
    change = [" && ".join([*words, "./run setup"])] if words else []
    assert told.remedy == ("./run setup", *change)


def test_a_long_output_is_read_in_no_time() -> None:
    """All of it is kept, until a command has failed."""
    pair = "Collecting werkzeug==2.0.0\n  Downloading werkzeug-2.0.0-py3-none-any.whl (288 kB)\n"
    last = "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied\n"
    began = time.process_time()
    problem = refusals.reason("Installing requirements.txt", pair * 100 + last, Path("setup.log"))
    assert time.process_time() - began < 1
    assert problem.slug == "install-failed"


@pytest.mark.parametrize(
    ("slug", "output"), [(slug, output) for slug, texts in REFUSALS.items() for output in texts]
)
def test_why_an_installer_refused(slug: str, output: str) -> None:
    problem = refusals.reason("Installing requirements.txt", output, Path("/srv/var/log/setup.log"))
    assert problem.slug == slug
    if slug not in ("disk-full", "network-unreachable"):
        assert "werkzeug" in problem.what
    if slug == "disk-full":
        assert "At least 400 MB" in problem.why  # not what a start needs
    if slug == "network-unreachable":
        assert problem.what.count("\n") == 1, "one line of the output, that has the cause"
    if slug == "requirements-conflict":
        assert "flask" in problem.what
        assert "To fix this" not in problem.what
    if slug == "package-unbuildable":
        assert "nothing.h" in problem.what
        assert "flask" not in problem.what
        assert not re.search("subprocess-|metadata-|cause:", problem.what)


@pytest.mark.parametrize(
    "doing", ["Installing the build tools", "Building mod_wsgi", "Installing mod_wsgi"]
)
@pytest.mark.parametrize("output", REFUSALS["hash-mismatch"])
def test_a_hash_that_is_not_the_projects(doing: str, output: str) -> None:
    """No file of the project has it, so compiling those again would not help."""
    problem = refusals.reason(doing, output, Path("/srv/var/log/setup.log"))
    assert problem.slug == "hash-mismatch"
    assert problem.what.startswith(f"{doing} failed: the download of werkzeug==2.0.0 ")
    assert "compile" not in str(problem) and "requirements" not in "".join(problem.remedy)
    without_cache, from_the_origin = map(shlex.split, problem.remedy)
    assert without_cache[-2:] == from_the_origin[-2:] == ["./run", "setup"]
    given = dict(word.split("=") for word in from_the_origin[:-2])
    assert set(without_cache[:-2]) < set(from_the_origin[:-2])
    assert given.items() <= commands.clean_environment(given).items()
