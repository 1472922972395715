"""What Apache makes of its configuration, for ``./run doctor --report``."""

import shutil

from ..config.project import Project
from . import import_check, launch
from .httpd import Httpd

LOAD_INFO = """
<IfModule !info_module>
    LoadModule info_module "${MOD_WSGI_MODULES_DIRECTORY}/mod_info.so"
</IfModule>
"""


def configuration(project: Project) -> str:
    """What Apache makes of its configuration, and the modules it loads.

    Directives are listed by mod_info, which only a configuration that is not served may load.
    """
    here = import_check.ask_application(launch.collect(project, root="report"))
    server = Httpd(here)
    server.prepare()
    with (here.root / "httpd.conf").open("a", encoding="utf-8") as file:
        file.write(LOAD_INFO)
    dumps = (f"-DDUMP_{name}" for name in ("MODULES", "RUN_CFG", "VHOSTS", "CONFIG"))
    told = server.told("-t", *dumps)
    shutil.rmtree(here.root)
    return told
