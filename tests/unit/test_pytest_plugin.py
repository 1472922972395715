"""The fixture ``apache``, where there is no Apache; tests/served has it with one."""

import os
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, Baked

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}


def python(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_skips_and_says_what_to_type(defaults: Baked) -> None:
    options = ("-p", "flask_modwsgi.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:cov")
    shown = python(defaults.path, "-m", "pytest", *options, "tests/test_apache.py")
    assert "4 skipped" in shown
    assert f"{sys.prefix} has no mod_wsgi; type ./run setup" in shown


def test_without_the_package_the_file_is_skipped(defaults: Baked) -> None:
    words = ("-B", "-I", "-m", "pytest", "-p", "no:cacheprovider")
    shown = python(defaults.path, *words, "--override-ini=pythonpath=.", "tests")
    assert "1 skipped" in shown
    assert "no Apache is set up here; type ./run setup" in shown


def test_it_costs_other_tests_nothing(tmp_path: Path) -> None:
    source = "import sys, pytest; before = set(sys.modules); import flask_modwsgi.pytest_plugin\n"
    shown = python(tmp_path, "-c", f"{source}print(*sorted(set(sys.modules) - before))")
    assert set(shown.split()) == {"flask_modwsgi", "flask_modwsgi.pytest_plugin"}
