"""Files of a project that are none: no verb waits for them, or fills the memory with them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_modwsgi.config import env_file
from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import check_settings
from flask_modwsgi.machine import files
from flask_modwsgi.problems.problem import Problem
from flask_modwsgi.setup import requirements

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@pytest.mark.parametrize("kind", ["pipe", "device", "huge", "folder"])
@pytest.mark.parametrize("name", [".env", "pyproject.toml", "requirements.txt", "x.wsgi"])
def test_what_is_no_file_of_a_project_is_neither_waited_for_nor_read(
    tmp_path: Path, name: str, kind: str
) -> None:
    file = tmp_path / name
    match kind:
        case "pipe":
            os.mkfifo(file)
        case "device":
            file.symlink_to("/dev/zero")
        case "huge":
            with file.open("wb") as stream:
                stream.truncate(2**40)
        case "folder":
            file.mkdir()
    project = Project(tmp_path)
    reads: dict[str, Callable[[], object]] = {
        ".env": lambda: env_file.read(file),
        "pyproject.toml": lambda: project.app_name,
        "requirements.txt": lambda: requirements.are_hashed(file),
        "x.wsgi": lambda: check_settings.check_wsgi_file(file),
    }
    with pytest.raises((OSError, Problem), match=r"no regular file|more than 4 MB"):
        reads[name]()


@pytest.mark.skipif(not BOOT_ID.exists(), reason="only Linux names a boot")
def test_a_file_that_the_kernel_gives_only_in_small_pieces() -> None:
    assert files.text(BOOT_ID) == BOOT_ID.read_text()
