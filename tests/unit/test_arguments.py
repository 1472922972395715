"""What Apache is told of the settings."""

import re
from pathlib import Path

from samples import me, project

from flask_modwsgi.apache import arguments
from flask_modwsgi.apache.app_profile import StaticFiles
from flask_modwsgi.config import settings
from flask_modwsgi.worker import error_pages


def test_apache_is_told_of_the_mount_point(tmp_path: Path) -> None:
    shop = project(tmp_path / "x")
    chosen = settings.load({"MOUNT_POINT": "/app"})
    static = StaticFiles(tmp_path / "files", "/static")
    text = arguments.beginning(shop, chosen, Path("/srv/var"), static=static)
    assert 'Define STATIC_URL "/app/static"\n' in text
    assert f'Define STATIC_FOLDER "{static.folder}"\n' in text
    words = arguments.options(shop, chosen, me(), Path("/srv/var"))
    assert words[words.index("--mount-point") + 1] == "/app"


def test_the_include_file_uses_what_is_defined_and_has_every_error_page(tmp_path: Path) -> None:
    text = "".join(file.read_text("utf-8") for file in arguments.INCLUDE.parent.iterdir())
    given = {
        "MOUNT_POINT": "/app",
        "TRUSTED_PROXIES": "::1",
        "HOSTS": "example.com",
        "TLS_CERTIFICATE": "/srv/c.pem",
        "TLS_KEY": "/srv/k.pem",
    }
    beginning = arguments.beginning(
        project(tmp_path),
        settings.load(given),
        Path("/srv/var"),
        static=StaticFiles(tmp_path, "/static"),
    )
    used = set(re.findall(r"\$\{(\w+)\}", text)) - {"MOD_WSGI_MODULES_DIRECTORY"}
    assert used == set(re.findall(r"^Define (\w+)", beginning, re.MULTILINE))
    documents = re.findall(r"^ErrorDocument (\d+) /.errors/\1.var$", text, re.MULTILINE)
    assert tuple(map(int, documents)) == error_pages.STATUSES
