"""Images built by buildah and run by podman as root, without a registry, a systemd or cgroups."""

import json
import os
import resource
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from serving import patience

PROGRAMS = ("buildah", "podman", "crun", "debootstrap")
BASE = "localhost/debian:trixie-slim"
RELEASE = "trixie"
# What Debian's images for containers leave out, too.
LEFT_OUT = ("doc", "info", "lintian", "locale", "man")
# podman's own ones may be more than this computer allows.
LIMITS = {resource.RLIMIT_NOFILE: 20_000, resource.RLIMIT_NPROC: 16_000}
CONTAINERS = """\
[containers]
cgroups = "disabled"
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
"""
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/images"
runroot = "{folder}/run"
"""
# crun wants one hierarchy of cgroups, which older systems do not have.
ALONE = 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec podman "$@"'


@dataclass(frozen=True)
class Images:
    """A store of images, and of containers made from them."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        files = {"STORAGE_CONF": self.folder / "storage.conf", "CONF": self.folder / "engine.conf"}
        return os.environ | {f"CONTAINERS_{name}": str(file) for name, file in files.items()}

    def build(self, project: Path, file: str, tag: str, *options: str) -> str:
        """Build an image; return what the build says."""
        words = ["buildah", "build", "--isolation", "chroot", "--format", "docker", "--layers"]
        words += [*_certificates(self.folder), *options, "--file", file, "--tag", tag, "."]
        done = subprocess.run(
            words,
            cwd=project,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900 * patience(),
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def podman(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run podman to its end."""
        command = ["unshare", "--mount", "sh", "-c", ALONE, "podman", *words]
        options = {"capture_output": True, "text": True, "timeout": 120 * patience(), **options}
        return subprocess.run(command, env=self.environ, **options)

    def facts(self, image: str) -> dict[str, Any]:
        """What is known of an image."""
        (found,) = json.loads(self.podman("image", "inspect", image).stdout)
        return dict(found)

    @contextmanager
    def running(self, image: str, *options: str) -> Iterator[str]:
        """A container in the network of this host; its id."""
        started = self.podman(
            "run", "--detach", "--network", "host", "--log-driver", "k8s-file", *options, image
        )
        assert started.returncode == 0, started.stderr
        name = started.stdout.strip()
        try:
            yield name
        finally:
            self.podman("rm", "--force", "--time", "0", name)


def _certificates(folder: Path) -> list[str]:
    """Have a build trust what this machine trusts, if that is told by the environment."""
    if "PIP_CERT" not in os.environ and "SSL_CERT_FILE" not in os.environ:
        return []
    known = os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile
    (folder / "pip.conf").write_text("[global]\ncert = /certificates.pem\n")
    mounts = {str(known): "/certificates.pem", str(folder / "pip.conf"): "/etc/pip.conf"}
    return [word for here, there in mounts.items() for word in ("--volume", f"{here}:{there}:ro")]


def _at_most(limit: int, wanted: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)


@contextmanager
def store(folder: Path) -> Iterator[Images]:
    """An empty store in a new folder, with Debian's base; nothing of it is left."""
    if os.geteuid() != 0:
        pytest.skip("a root file system is made by root")
    folder.mkdir()
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    files, processes = (_at_most(limit, wanted) for limit, wanted in LIMITS.items())
    (folder / "engine.conf").write_text(CONTAINERS.format(files=files, processes=processes))
    images = Images(folder)
    try:
        if images.podman("info").returncode != 0:
            pytest.skip("podman does not work here: it may not mount a file system")
        _make_base(images)
        yield images
    finally:
        images.podman("rm", "--all", "--force", "--time", "0")
        subprocess.run(["umount", "-R", folder / "images" / "overlay"], capture_output=True)
        shutil.rmtree(folder)


def _make_base(images: Images) -> None:
    root = images.folder / "root"
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", RELEASE, root], capture_output=True, text=True
    )
    if made.returncode != 0:
        pytest.skip(f"debootstrap: {made.stdout[-300:]}")
    excluded = "".join(f"path-exclude /usr/share/{name}/*\n" for name in LEFT_OUT)
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(excluded)
    (root / "etc/apt/apt.conf.d/slim").write_text(
        'Dpkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };\n'
    )
    for place in [
        *(f"usr/share/{name}" for name in LEFT_OUT),
        "var/cache/apt",
        "var/lib/apt/lists",
    ]:
        for path in (root / place).iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    subprocess.run(["tar", "-C", root, "-cf", images.folder / "root.tar", "."], check=True)
    (images.folder / "Containerfile").write_text('FROM scratch\nADD root.tar /\nCMD ["bash"]\n')
    images.build(images.folder, "Containerfile", BASE)
