"""Folders that Apache can cope with."""

import errno
from pathlib import Path

import pytest

from flask_modwsgi.config.project import Project
from flask_modwsgi.doctor import check_places
from flask_modwsgi.doctor.facts import Facts
from flask_modwsgi.machine import folders
from flask_modwsgi.problems.problem import Problem


@pytest.mark.parametrize("character", [" ", "'", '"', "$", "%", "\\", ";", "*", "(", "\n"])
def test_a_folder_that_apache_cannot_cope_with(character: str) -> None:
    with pytest.raises(Problem) as refused:
        check_places.folder(Facts(Project(Path(f"/srv/my{character}app"))))
    assert refused.value.slug == "path-unusable"
    assert repr(character) in str(refused.value)


@pytest.mark.parametrize(
    ("root", "new"),
    [
        ("/srv/Zähler der Gäste", "/srv/Zähler-der-Gäste"),  # www-data could not enter /root
        ("/home/ann/My Projects/a blog", "~/a-blog"),
        ("/a blog", "/a-blog"),
    ],
)
def test_where_a_folder_is_put_instead(root: str, new: str) -> None:
    with pytest.raises(Problem) as refused:
        check_places.folder(Facts(Project(Path(root))))
    assert refused.value.remedy == (f"mv '{root}' {new} && cd {new} && ./run setup",)
    check_places.folder(Facts(Project(Path(new.replace("~", "/home/ann")))))


def test_folders_that_it_can_cope_with() -> None:
    root = "/srv/Ünïcode_1.0-a+b@c~d=e,f"
    assert check_places.folder(Facts(Project(Path(root)))) == root


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EBUSY], ids=["overlay", "mount point"])
def test_a_folder_that_cannot_be_renamed_is_removed_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def rename(*_: object) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(Path, "rename", rename)
    (tmp_path / "workers" / "deep").mkdir(parents=True)
    folders.remove(tmp_path / "workers")
    assert not (tmp_path / "workers").exists()
