"""The services of `deploy/compose.yaml` together: podman-compose, in namespaces of their own.

PostgreSQL is Debian's, and Caddy a package of PyPI, in images with the names in the file: nothing comes
from a registry of images.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving import patience

from . import images, tools
from .images import Images

# What podman needs beside its own programs for a network with names.
PROGRAMS = ("/usr/lib/podman/netavark", "/usr/lib/podman/aardvark-dns", "/usr/sbin/iptables")
# What the official images make of the variables in the file.
DATABASE = r"""
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-17 && \
    install -d -o postgres -g postgres /var/lib/postgresql/data /var/run/postgresql
ENV PATH=/usr/lib/postgresql/17/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
USER postgres
RUN printf '%s\n' 'set -e' 'if [ ! -s $PGDATA/PG_VERSION ]; then' \
    'echo "$POSTGRES_PASSWORD" > /tmp/password' \
    'initdb --username $POSTGRES_USER --pwfile /tmp/password --auth-local trust --auth-host scram-sha-256' \
    'echo "host all all all scram-sha-256" >> $PGDATA/pg_hba.conf' \
    'pg_ctl -w -o "-c listen_addresses=" start' \
    'createdb --username $POSTGRES_USER $POSTGRES_USER' 'pg_ctl stop' 'fi' \
    'exec postgres -c listen_addresses=\*' > /tmp/entry
CMD ["sh", "/tmp/entry"]
"""
PROXY = """
FROM ${BASE}
COPY caddy /usr/bin/
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
"""
PARTNERS = {"docker.io/library/postgres:17": DATABASE, "docker.io/library/caddy:2": PROXY}
NETWORK = """
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
# Clients of the proxy, from the host of the containers, until their input ends.
LOAD = """
import json, sys
from load import load

with load("https://localhost", "/slow?seconds=0.5") as got:
    with load("https://localhost", "/sent", keep=1, close=1, body=b"a" * 100_000) as sent:
        print("ready", flush=True)
        sys.stdin.read()
print(json.dumps([[record.answered, record.failures] for record in (got, sent)]))
"""
ALONE = (
    "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; ip link set lo up; "
    "echo ready; exec sleep infinity"
)
PODMAN = """\
#!/bin/sh
exec nsenter --target {pid} --mount --net -- {environ} {podman} --log-level error "$@"
"""


def require() -> None:
    """Skip the test where they are not installed."""
    if missing := [program for program in PROGRAMS if not Path(program).exists()]:
        names = " ".join(Path(program).name for program in missing)
        tools.missing(names, names)


@dataclass(frozen=True)
class Composed:
    """What runs, by the words that users type."""

    project: Path
    environ: dict[str, str]
    holder: int

    def compose(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What `docker compose` is called with."""
        options = ["-f", "deploy/compose.yaml", "--env-file", ".env"]
        return self._run([str(tools.program("podman-compose")), *options, *words])

    def podman(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run(["podman", *words])

    def ask(self, *words: str) -> str:
        """curl, from the host of the containers."""
        command = ["nsenter", "--target", str(self.holder), "--net", "curl", "-sk", *words]
        return self._run(command).stdout

    @contextmanager
    def load(self) -> Iterator[list[tuple[int, list[str]]]]:
        """Clients that get and clients that send; at the end, how many answers and which failures."""
        command = ["nsenter", "--target", str(self.holder), "--net", sys.executable, "-c", LOAD]
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        pipe = subprocess.PIPE
        records: list[tuple[int, list[str]]] = []
        with subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, text=True) as clients:
            try:
                assert clients.stdout and clients.stdout.readline() == "ready\n"
                yield records
            finally:
                told, _ = clients.communicate(timeout=300 * patience())
            records += json.loads(told)

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.project,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300 * patience(),
        )


@contextmanager
def namespaces(store: Images, project: Path) -> Iterator[Composed]:
    """A network and mounts for the containers of a project; they end with it."""
    shutil.copy(tools.program("caddy"), store.folder / "caddy")
    for tag, text in PARTNERS.items():
        file = store.folder / "partner"
        file.write_text(f"ARG BASE\n{text.lstrip()}", "ascii")
        store.build(store.folder, "partner", tag, "--build-arg", f"BASE={images.BASE}")
    engine = store.folder / "composed.conf"
    text = (store.folder / "engine.conf").read_text("ascii")
    engine.write_text(text + NETWORK.format(folder=store.folder), "ascii")
    own = {
        "CONTAINERS_CONF": str(engine),
        "CONTAINERS_STORAGE_CONF": str(store.folder / "storage.conf"),
    }
    command = ["unshare", "--mount", "--net", "sh", "-c", ALONE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        programs = store.folder / "programs"
        programs.mkdir()
        given = shlex.join(["env", *(f"{name}={value}" for name, value in own.items())])
        wrapper = programs / "podman"
        wrapper.write_text(
            PODMAN.format(pid=holder.pid, environ=given, podman=shutil.which("podman")),
            "ascii",
        )
        wrapper.chmod(0o755)
        environ = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
        composed = Composed(project, environ, holder.pid)
        try:
            assert holder.stdout and holder.stdout.readline() == "ready\n"
            yield composed
        finally:
            try:
                composed.compose("down", "--volumes")
            finally:
                holder.kill()
