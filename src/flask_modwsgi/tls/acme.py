"""Certificates that Apache gets itself, for ``HTTPS_NAMES``: what mod_md reports about them.

It keeps them in a folder of the project. A new one is in ``staging`` until Apache restarts
(https://httpd.apache.org/docs/2.4/mod/mod_md.html).
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..config.project import Project
from ..config.settings import Settings
from ..machine import files, trust


def store(project: Project) -> Path:
    """The folder; it belongs to who starts Apache."""
    return project.service / "https"


def make_store(project: Project) -> None:
    """Make it. Apache's own processes pass through it to what they answer the authority with.

    They write into some of its folders, and Apache reads that as who starts it: it would wait for a pipe, and
    follow a link.

    :raises OSError: root calls, and somebody else can write there.
    """
    top = str(trust.made_folder(store(project)))
    for place, folders, names, here in os.fwalk(top):
        for name in (*folders, *names):
            with suppress(FileNotFoundError):
                mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
                if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                    os.unlink(name, dir_fd=here)
        if os.path.dirname(os.path.dirname(place)) == top:
            folders.clear()  # such as those in staging/example.com: Apache looks no deeper


def names(project: Project, settings: Settings) -> dict[str, object]:
    """The names in ``apache/conf/tls.conf``."""
    return {
        "HTTPS_NAMES": settings.https_names,
        "HTTPS_NAME": _name(settings.https_names),
        "HTTPS_CONTACT": settings.https_contact,
        "HTTPS_AUTHORITY": settings.https_authority,
        "HTTPS_STORE": store(project),
        "HTTP_PORT": settings.port,
    }


def certificate(project: Project, settings: Settings) -> tuple[Path, Path] | None:
    """The certificate that Apache serves and its key; None as long as there is none."""
    folder = store(project) / "domains" / _name(settings.https_names)
    found = folder / "pubcert.pem", folder / "privkey.pem"
    return found if os.path.exists(found[0]) else None


def staged(project: Project, names: str) -> Path | None:
    """A new certificate, which Apache serves after a restart; its key is encrypted.

    :param names: ``HTTPS_NAMES``.
    """
    found = _staging(project, names) / "pubcert.pem"
    return found if _job(project, names).get("finished") is True and found.is_file() else None


def awaited(project: Project, settings: Settings) -> str:
    """What HTTPS waits for, in a sentence; empty if it waits for nothing."""
    if not settings.https_names:
        return ""
    if staged(project, settings.https_names):
        return "a new certificate is there; ./run renew takes it"
    job = _job(project, settings.https_names)
    last = job.get("last")
    detail = str(last.get("detail", "")) if isinstance(last, dict) and job.get("errors") else ""
    reason = detail.partition(". ")[0]  # advice follows
    said = f"; at the last attempt: {reason}" if reason else ""
    if reason and isinstance(job.get("next-run"), str):
        said += f" (the next one is at {job['next-run']})"
    name = ", ".join(settings.https_names.split())
    if not certificate(project, settings):
        return (
            f"Apache does not have the certificate for {name} yet; the authority asks for a file at"
            f" http://{_name(settings.https_names)}/{said}"
        )
    return f"the certificate for {name} could not be renewed{said}" if reason else ""


def _name(names: str) -> str:
    """The first one stands for all of them."""
    return names.split()[0]


def _staging(project: Project, names: str) -> Path:
    return store(project) / "staging" / _name(names)


def _job(project: Project, names: str) -> dict[str, Any]:
    """What mod_md notes of its attempts, as the account that it works as; empty where nothing is."""
    return files.json_object(_staging(project, names) / "job.json")
