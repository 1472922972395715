"""The application that every contender serves: a generated project with a few more views."""

import shutil
import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
HERE = Path(__file__).resolve().parent
FACTORY = "    app.register_blueprint(views.bp)\n"


def generate(folder: Path) -> Path:
    """Generate the project below `folder`, build its environment and add the views.

    :raises RuntimeError: its environment could not be built.
    """
    answers = ("project_slug=benchmark", "app_name=benchmark_app")
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "-o", str(folder)]
    subprocess.run([*command, *answers], check=True, stdout=sys.stderr)
    project = folder / "benchmark"
    if not (project / ".venv").exists():
        raise RuntimeError("the project's environment could not be built")
    package = project / "benchmark_app"
    shutil.copy(HERE / "views.py", package / "benchmark.py")
    source = (package / "__init__.py").read_text("utf-8")
    added = "    from . import benchmark\n\n    app.register_blueprint(benchmark.bp)\n"
    (package / "__init__.py").write_text(source.replace(FACTORY, FACTORY + added), "utf-8")
    (package / "static" / "large.bin").write_bytes(bytes(1_000_000))
    return project


def install_tools(project: Path, folder: Path) -> Path:
    """Install gunicorn and granian beside the project's environment, for its Python."""
    pinned = ("--require-hashes", "--no-deps", "-r", HERE / "requirements.txt")
    # Its environment has no pip where uv made it.
    python = ("--python", project / ".venv/bin/python")
    pip = (sys.executable, "-m", "pip", *python, "--quiet", "install")
    subprocess.run([*pip, "--target", folder, *pinned], check=True, stdout=sys.stderr)
    return folder


def make_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1, signed by itself; its key is beside it, with the ending .key."""
    certificate = folder / "benchmark.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    words += ["-subj", "/CN=benchmark", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(certificate.with_suffix(".key")), "-out", str(certificate)]
    subprocess.run([*words, *files], check=True, capture_output=True)
    return certificate
