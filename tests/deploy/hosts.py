"""Three hosts on one: network namespaces on a bridge, and HAProxy in front of them."""

import csv
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from serving import Project, ask, patience, wait_for

PROGRAMS = ("ip", "unshare", "haproxy", "tar")
# Others may run these tests at the same time.
NETWORK = f"10.213.{os.getpid() % 256}"
FRONT = f"http://{NETWORK}.1:8480"
BRIDGE = f"fmwbr{os.getpid() % 10000}"
# What can be tried again on another host is only what was not sent: a connection.
HAPROXY = """\
global
    stats socket {folder}/socket mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server {server}s
    timeout check {check}s
    retries 3
    option redispatch 1
frontend front
    bind {network}.1:8480
    default_backend hosts
backend hosts
    balance roundrobin
    option httpchk GET /health/ready
    default-server check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass
class Host:
    """A host that serves the project, driven as a kubelet does it."""

    number: int
    project: Project
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = field(default=0)

    @property
    def address(self) -> str:
        return f"{NETWORK}.{10 + self.number}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.number}.{self.starts}.log"

    def start(self, **env: str) -> None:
        """Start `./run` in namespaces of its own; it sees no process of another host."""
        self.starts += 1
        root, own = self.project.path / "var" / "apache", self.folder / str(self.number)
        for folder in (root, own):
            folder.mkdir(exist_ok=True)
        script = f"mount --bind {own} {root} && exec {self.project.path}/run serve"
        alone = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
        given = {"HOST": "0.0.0.0", "PORT": "8000", "LOG_FORMAT": "json"}
        given |= {"NODE": str(self.number), "PROCESSES": "2"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", f"{BRIDGE}{self.number}", *alone, "sh", "-c", script],
                env=os.environ | given | env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """The readiness probe."""
        try:
            return ask(f"http://{self.address}:8000/health/ready").status == 200
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        wait_for(self.is_ready, 60, f"host {self.number}: {self.log.read_text()[-2000:]}")

    def pids(self) -> list[int]:
        """The processes on this host, `./run` first."""
        assert self.process
        pids, found = [self.process.pid], list[int]()
        while pids:
            pid = pids.pop(0)
            try:
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            except OSError:
                continue
            pids += map(int, children)
            found += map(int, children)
        return found

    def signal(self, number: int) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    @contextmanager
    def starved(self) -> Iterator[None]:
        """It runs for a tenth of the time only."""
        done = threading.Event()

        def halt() -> None:
            while not done.is_set():
                for number, seconds in ((signal.SIGSTOP, 0.9), (signal.SIGCONT, 0.1)):
                    self.signal(number)
                    done.wait(seconds)

        thread = threading.Thread(target=halt)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.signal(signal.SIGCONT)

    def terminate(self, grace: float) -> bool:
        """SIGTERM, and SIGKILL after the grace period; whether it ended in time."""
        assert self.process
        os.kill(self.pids()[0], signal.SIGTERM)
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()  # with it goes all of its namespace
            self.process.wait()

    def link(self, state: str) -> None:
        ip("link", "set", f"{BRIDGE}v{self.number}", state)


@dataclass
class Hosts:
    """All of them, and who sends requests there."""

    folder: Path
    all: list[Host]
    check: int = 4  # seconds in which HAProxy expects an answer

    def balancer(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "socket"))
            connection.sendall(f"{command}\n".encode())
            return connection.makefile().read()

    def row(self, host: Host) -> dict[str, str]:
        """What HAProxy knows about that host, by the names of its columns."""
        rows = csv.DictReader(self.balancer("show stat").removeprefix("# ").splitlines())
        return next(row for row in rows if row["svname"] == f"h{host.number}")

    def is_up(self, host: Host) -> bool:
        """Whether that host gets requests."""
        return self.row(host)["status"].startswith("UP")

    def is_down(self, host: Host) -> bool:
        """Whether the checks have found it down; a host that drains is neither up nor down."""
        return self.row(host)["status"].startswith("DOWN")

    def all_up(self) -> bool:
        """Whether every host gets requests; not before HAProxy listens."""
        try:
            return all(map(self.is_up, self.all))
        except OSError:
            return False

    def downs(self) -> list[int]:
        """How many times each host was marked down."""
        return [int(self.row(host)["chkdown"]) for host in self.all]

    def is_idle(self, host: Host) -> bool:
        """Whether none of its requests is under way."""
        return self.row(host)["scur"] == "0"

    def endpoint(self, host: Host, state: str) -> None:
        """Add a host to those that get requests (`ready`), or remove it (`drain`)."""
        self.balancer(f"set server hosts/h{host.number} state {state}")


@contextmanager
def three(project: Project, folder: Path) -> Iterator[Hosts]:
    """Three hosts that serve; nothing of them is left."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace is made by root")
    folder.mkdir()
    hosts = Hosts(folder, [Host(number, project, folder) for number in (1, 2, 3)])
    with ExitStack() as ends:
        try:
            _connect(hosts, ends)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.decode()}")
        for host in hosts.all:
            ends.callback(host.kill)
            host.start()
        for host in hosts.all:
            host.wait_until_ready()
        servers = "".join(f"    server h{h.number} {h.address}:8000\n" for h in hosts.all)
        file = folder / "haproxy.cfg"
        # A request outlives the two checks that find its host down, or one more would be lost.
        hosts.check = max(4, round(2 * patience()))
        limits = {"check": hosts.check, "server": 4 * hosts.check}
        file.write_text(HAPROXY.format(folder=folder, network=NETWORK, servers=servers, **limits))
        with (folder / "haproxy.log").open("wb") as log:
            balancer = subprocess.Popen(
                ["haproxy", "-db", "-f", file], stdout=log, stderr=log, start_new_session=True
            )
        ends.callback(balancer.wait)
        ends.callback(balancer.kill)
        wait_for(hosts.all_up, 20, "every host to be up")
        yield hosts


def _connect(hosts: Hosts, ends: ExitStack) -> None:
    ip("link", "add", BRIDGE, "type", "bridge")
    ends.callback(ip, "link", "delete", BRIDGE)
    ip("addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")
    for host in hosts.all:
        space, cable = f"{BRIDGE}{host.number}", f"{BRIDGE}v{host.number}"
        ip("netns", "add", space)
        ends.callback(ip, "netns", "delete", space)
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("link", "set", cable, "master", BRIDGE, "up")
        ip("-n", space, "addr", "add", f"{host.address}/24", "dev", "eth0")
        for name in ("eth0", "lo"):
            ip("-n", space, "link", "set", name, "up")
