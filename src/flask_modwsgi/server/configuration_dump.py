"""What Apache makes of its configuration, for ``./run doctor --report``."""

import shutil
import subprocess

from ..config.project import Project
from . import launch
from .httpd import Httpd

CONFIGURATION = "report"  # the server root that is prepared for it
LOAD_INFO = """
<IfModule !info_module>
    LoadModule info_module "${MOD_WSGI_MODULES_DIRECTORY}/mod_info.so"
</IfModule>
"""


def configuration(project: Project) -> str:
    """What Apache makes of its configuration, and the modules it loads.

    Directives are listed by mod_info, which only a configuration that is not served may load.
    """
    here = launch.collect(project, root=CONFIGURATION, logs=project.logs)
    server = Httpd(launch.ask_application(here))
    server.prepare()
    with (server.site.root / "httpd.conf").open("a", encoding="utf-8") as file:
        file.write(LOAD_INFO)
    dumps = [f"-DDUMP_{name}" for name in ("MODULES", "RUN_CFG", "VHOSTS", "CONFIG")]
    done = subprocess.run(
        server.apachectl("-t", *dumps),
        capture_output=True,
        text=True,
        errors="replace",
        env=dict(server.site.environ),
    )
    shutil.rmtree(server.site.root)
    return done.stdout + done.stderr
