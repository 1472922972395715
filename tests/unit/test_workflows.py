"""The workflows: actions by commit, commands that exist, no findings of zizmor; and all pinned packages."""

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, TEMPLATE

from flask_modwsgi.setup import interpreters

FILES = [*ROOT.glob(".github/workflows/*.yml"), *TEMPLATE.glob(".github/workflows/*.yml")]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_actions_are_named_by_their_commit(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text("utf-8"))
    assert used
    for line in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_has_one_version() -> None:
    text = "".join(file.read_text("utf-8") for file in FILES)
    used = set(re.findall(r"uses: (.*)", text))
    assert len({line.partition("@")[0] for line in used}) == len(used)


def test_the_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    text = "".join(file.read_text("utf-8") for file in FILES)
    targets = set(re.findall(r"run: make ([a-z-]+)", text))
    for several in re.findall(r"target: \[(.*)\]", text):
        targets |= set(several.split(", "))
    targets |= set(re.findall(r"target: ([a-z-]+)", text))
    assert {"lint", "test", "test-bundled", "release"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def steps(workflow: str, job: str) -> list[str]:
    """What a job runs, in its order."""
    text = (ROOT / ".github/workflows" / workflow).read_text("utf-8")
    return [step["run"] for step in yaml.safe_load(text)["jobs"][job]["steps"] if "run" in step]


def test_the_tests_find_what_they_would_be_skipped_without() -> None:
    """Sphinx for test_site.py, zizmor for this file, and axe-core."""
    run = steps("tests.yml", "ubuntu")
    needed = ["make .venv/docs.txt .venv/tools.txt", "make axe", 'make "$TARGET"']
    assert run[-len(needed) :] == needed


# What has no target, because nobody types it in a clone.
OWN_STEPS = (
    "sudo .ci/packages",
    ".ci/packages",
    ".ci/cruft ",
    "command -v git ",  # which the checkout needs
    "git config --system --add safe.directory ",  # a container has another user
    'test "$GITHUB_REF_NAME" = ',  # the tag is the version
)


def test_jobs_run_what_people_run() -> None:
    for file in ROOT.glob(".github/workflows/*.yml"):
        for job in yaml.safe_load(file.read_text("utf-8"))["jobs"]:
            for command in steps(file.name, job):
                target = re.fullmatch(r'make ([a-z-]+|"\$TARGET"|( ?\.venv/[a-z]+\.txt)+)', command)
                assert target or command.startswith(OWN_STEPS), (file.name, command)


def test_the_hook_runs_what_the_lint_job_runs() -> None:
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = [hook["entry"] for repository in settings["repos"] for hook in repository["hooks"]]
    assert hooks == ["make lint"]
    assert set(hooks) <= set(steps("tests.yml", "lint"))


def test_the_oldest_and_the_newest_python_are_tested() -> None:
    text = (ROOT / ".github/workflows/tests.yml").read_text("utf-8")
    tested = set(re.findall(r'{ python: "(.*?)"', text))
    versions = [name.removeprefix("python") for name in interpreters.NAMES[1:]]
    assert {versions[0], versions[-1]} <= tested <= set(versions)


def test_no_findings_of_zizmor() -> None:
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if not zizmor:
        pytest.skip("zizmor is not installed; make .venv/tools.txt")
    command: list[str | Path] = [zizmor, "--offline", "--quiet", ROOT / ".github", TEMPLATE]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def pins() -> set[Path]:
    """Every list of packages with hashes; the applications in tests/apps keep their old ones."""
    command = ["git", "ls-files", "*.txt", ":!tests/apps"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = {ROOT / name for name in done.stdout.splitlines()}
    return {file for file in files if "--hash=" in file.read_text("utf-8")}


def test_every_pinned_package_is_audited(pins: set[Path]) -> None:
    """But what checks deploy/: checkov needs ecdsa, whose CVE-2024-23342 will not be mended."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    [globs] = re.findall(r"for list in (.*);", makefile)
    assert {file for glob in globs.split() for file in ROOT.glob(glob)} == {
        file for file in pins if file.parent.name != "deploy"
    }


def test_every_pinned_package_is_upgraded(pins: set[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "requirements")
    upgrade = importlib.import_module("upgrade")
    written = set()
    monkeypatch.setattr(upgrade, "compiled", lambda *_, **__: "")
    monkeypatch.setattr(Path, "write_text", lambda path, *_: written.add(path))
    for step in (
        upgrade.tools,
        upgrade.deployment,
        upgrade.contenders,
        upgrade.package,
        upgrade.project,
    ):
        step()
    assert pins <= written


def test_dependabot_reads_every_list_but_the_template_s(pins: set[Path]) -> None:
    settings = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text("utf-8"))
    [folders] = [
        update["directories"]
        for update in settings["updates"]
        if update["package-ecosystem"] == "pip"
    ]
    assert {ROOT / folder[1:] for folder in folders} == {file.parent for file in pins} - {TEMPLATE}
