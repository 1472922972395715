"""Machines with a booted systemd: Debian 13 under systemd-nspawn, each with an address of its own."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from serving import locked, patience, survivors, wait_for

SUITE = "trixie"
PROGRAMS = ("debootstrap", "systemd-nspawn", "slirp4netns", "ip")
# Of a Debian 13 that boots; what a site needs is installed by the tests.
BARE = "systemd,systemd-sysv,dbus,iproute2,ca-certificates"
CACHE = Path("/var/cache/flask-modwsgi-tests")
CGROUPS = Path("/sys/fs/cgroup")
# With the hybrid hierarchy, systemd wants one in each of these.
HYBRID = ("unified", "systemd")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Of a process, in its namespaces from the outermost that is visible here.
NUMBERS = re.compile(r"^NSpid:(.*)$", re.MULTILINE)
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def base() -> Path:
    """The files of a Debian 13 as it is installed; made once on this computer."""
    made = CACHE / SUITE
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(CACHE / f"{SUITE}.lock"):
        if not made.exists():
            _install(made)
    return made


def _install(made: Path) -> None:
    part = made.with_name(f"{SUITE}.{os.getpid()}")
    words = ["debootstrap", "--variant=minbase", f"--include={BARE}", SUITE, str(part)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=900 * patience())
    if done.returncode != 0:
        shutil.rmtree(part, ignore_errors=True)
        pytest.skip(f"debootstrap cannot install Debian here: {done.stdout[-300:]}")
    part.rename(made)


def run(*words: str | Path) -> None:
    """Run a command of this computer.

    :raises AssertionError: it fails.
    """
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


@dataclass
class Machine:
    """One machine; its files are in `root`, what it says while it boots is in `console`."""

    name: str
    root: Path
    console: Path
    address: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def _nspawn(self) -> subprocess.Popen[bytes]:
        return self.processes[-1]

    def boot(self) -> None:
        """Start it; returns when its systemd has started everything.

        :raises AssertionError: it does not within a minute.
        """
        for cgroup in self._cgroups():
            cgroup.mkdir(exist_ok=True)
        words = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot"]
        words += ["--machine", self.name, "--directory", str(self.root), "--console=read-only"]
        words += [f"--network-namespace-path=/run/netns/{self.name}"]
        with self.console.open("ab") as console:
            nspawn = subprocess.Popen(
                words,
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                preexec_fn=self._enter_cgroups,
            )
        self.processes.append(nspawn)
        states = ("running", "degraded")
        started = time.monotonic()
        while (state := self.call("systemctl", "is-system-running").stdout.strip()) not in states:
            if nspawn.poll() is not None or time.monotonic() > started + 60 * patience():
                end = self.console.read_text()[-2000:]
                raise AssertionError(f"{self.name} does not boot ({state}): {end}")
            time.sleep(0.1)

    def _cgroups(self) -> list[Path]:
        bases = [CGROUPS / name for name in HYBRID if (CGROUPS / name).is_dir()] or [CGROUPS]
        return [folder / self.name for folder in bases]

    def _enter_cgroups(self) -> None:
        for cgroup in self._cgroups():
            (cgroup / "cgroup.procs").write_text(str(os.getpid()), "ascii")

    def reboot(self) -> None:
        """What a power button does, gently; returns when it is up again.

        :raises AssertionError: it does not come up.
        """
        self.call("systemctl", "reboot")
        # systemd-nspawn ends with this status when the machine wants to boot again.
        assert self._nspawn.wait(60 * patience()) == 133, self.console.read_text()[-2000:]
        self.boot()

    @property
    def _leader(self) -> str:
        """Its first process, by its number here; empty where it does not run, or not yet.

        systemd-nspawn has another child at first, which makes that one.
        """
        pid = self.processes[-1].pid if self.processes else 0
        try:
            (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
            (numbers,) = NUMBERS.findall(Path(f"/proc/{child}/status").read_text("utf-8"))
        except (OSError, ValueError):
            return ""
        return child if numbers.split()[1:] == ["1"] else ""

    def call(self, *command: str | Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command as its root."""
        if not self._leader:
            return subprocess.CompletedProcess(command, 1, "", "it does not run")
        clean = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb"]
        words = ["nsenter", "-t", self._leader, "-a", *clean, *map(str, command)]
        return subprocess.run(words, capture_output=True, text=True, timeout=timeout * patience())

    def type(self, line: str, timeout: float = 60) -> str:
        """A line typed by its root; what it prints.

        :raises AssertionError: it fails.
        """
        done = self.call("sh", "-c", line, timeout=timeout)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def journal(self, unit: str, *options: str) -> str:
        """What a unit has logged since the machine was booted."""
        return self.call("journalctl", "--boot", "--unit", unit, "--no-pager", *options).stdout

    def wait_for_journal(self, text: str, unit: str, *options: str) -> None:
        """Until a unit has logged it; the journal may be behind what systemctl has returned from."""
        wait_for(lambda: text in self.journal(unit, *options), 10, f"{text} in the journal")

    def end(self) -> None:
        """Pull the plug."""
        if self._leader:
            os.kill(int(self._leader), signal.SIGKILL)
            self.processes[-1].wait(30)
        elif self.processes and self.processes[-1].poll() is None:  # before its first process
            self.processes[-1].kill()
            self.processes[-1].wait(30)
        for cgroup in self._cgroups():
            for inner in sorted(cgroup.rglob("*"), reverse=True):
                if inner.is_dir():
                    inner.rmdir()
            if cgroup.exists():
                cgroup.rmdir()


@contextmanager
def network(name: str, number: int) -> Iterator[str]:
    """A network namespace that reaches the package registries; its address, for this computer."""
    net = f"10.{100 + os.getpid() % 100}.{number}"
    here, there = f"{net}.1", f"{net}.2"
    with ExitStack() as ends:
        run("ip", "netns", "add", name)
        ends.callback(run, "ip", "netns", "delete", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "host0", "netns", name)
        run("ip", "address", "add", f"{here}/24", "dev", name)
        run("ip", "link", "set", name, "up")
        run("ip", "-n", name, "address", "add", f"{there}/24", "dev", "host0")
        run("ip", "-n", name, "link", "set", "host0", "up")
        words = ["slirp4netns", "--configure", "--mtu=1400", "--netns-type=path"]
        quiet = subprocess.DEVNULL
        slirp = subprocess.Popen([*words, f"/run/netns/{name}", "tap0"], stdout=quiet, stderr=quiet)
        ends.callback(slirp.wait)
        ends.callback(slirp.terminate)
        yield there


@contextmanager
def machine(name: str, number: int, folder: Path, *below: Path) -> Iterator[Machine]:
    """A machine that boots from the files in `below`, the uppermost first; what it writes is in `folder`.

    :param name: At most 10 letters.
    :param number: Of its network, from 1 to 254.
    """
    name = f"{name}{os.getpid() % 10000}"  # others may run these tests at the same time
    upper, work, root = (folder / part for part in ("upper", "work", "root"))
    for part in (upper, work, root):
        part.mkdir(parents=True, exist_ok=True)
    layers = ":".join(map(str, below))
    options = f"lowerdir={layers},upperdir={upper},workdir={work}"
    with ExitStack() as ends:
        mounted = subprocess.run(["mount", "-t", "overlay", "-o", options, name, root])
        if mounted.returncode != 0:
            pytest.skip("this computer cannot mount an overlay")
        ends.callback(run, "umount", root)
        address = ends.enter_context(network(name, number))
        (root / "etc/resolv.conf").unlink(missing_ok=True)
        (root / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n", "ascii")
        _trust_as_here(root)
        made = Machine(name, root, folder / "console", address)
        ends.callback(made.end)
        try:
            made.boot()
        except AssertionError as error:
            pytest.skip(f"no systemd boots here: {error}")
        yield made


def _trust_as_here(root: Path) -> None:
    """Have pip and apt there get packages as this computer does."""
    shutil.copy(CERTIFICATES, root / "usr/local/share/registries.pem")
    (root / "etc/pip.conf").write_text("[global]\ncert = /usr/local/share/registries.pem\n")
    (root / "etc/dpkg/dpkg.cfg.d/quick").write_text("force-unsafe-io\n")


__all__ = ["PROGRAMS", "Machine", "base", "machine", "survivors", "wait_for"]
