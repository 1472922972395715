"""An ACME authority in a machine: Pebble, which asks for its files on port 80 as Let's Encrypt does."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from serving import patience, wait_for

from .machines import Machine

DIRECTORY = "https://localhost:14000/dir"
FOLDER = "/root/authority"
NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def install(machine: Machine, lifetime: int) -> None:
    """Have a machine trust it. :param lifetime: Of its certificates, in seconds."""
    machine.type(
        "apt-get install -y --no-install-recommends pebble openssl curl >/dev/null", timeout=300
    )
    machine.type(
        f"mkdir -p {FOLDER} && cd {FOLDER} && openssl req -x509 -newkey ec -noenc -days 30 "
        f"-pkeyopt ec_paramgen_curve:prime256v1 -keyout key.pem -out cert.pem -subj /CN=localhost "
        f"-addext {NAMES} 2>&1 && cp cert.pem /usr/local/share/ca-certificates/authority.crt "
        f"&& update-ca-certificates 2>&1"
    )
    own = {
        "listenAddress": "127.0.0.1:14000",
        "managementListenAddress": "127.0.0.1:15000",
        "certificate": f"{FOLDER}/cert.pem",
        "privateKey": f"{FOLDER}/key.pem",
        "httpPort": 80,
        "tlsPort": 443,
        "certificateValidityPeriod": lifetime,
    }
    file = machine.root / FOLDER.lstrip("/") / "pebble.json"
    file.write_text(json.dumps({"pebble": own}), "utf-8")


@contextmanager
def running(machine: Machine) -> Iterator[None]:
    """The authority; every name is this machine's."""
    names = "pebble-challtestsrv -defaultIPv6 '' -http01 '' -https01 '' -tlsalpn01 ''"
    machine.type(f"systemd-run --unit names {names}")
    machine.type(
        "systemd-run --unit pebble --setenv PEBBLE_VA_NOSLEEP=1 --setenv PEBBLE_WFE_NONCEREJECT=0"
        f" pebble -config {FOLDER}/pebble.json -dnsserver 127.0.0.1:8053"
    )
    try:
        asked = ("curl", "-sf", "-o", "/dev/null", DIRECTORY)
        wait_for(lambda: machine.call(*asked).returncode == 0, 20, "the authority")
        yield
    finally:
        machine.call("systemctl", "stop", "pebble", "names")


def served(machine: Machine) -> str:
    """The certificate that clients get now."""
    return ssl.get_server_certificate((machine.address, 443), timeout=20 * patience())


def is_accepted(machine: Machine) -> bool:
    """Whether clients that trust the authority accept it for both names of the guide."""
    machine.type(f"curl -skf https://localhost:15000/roots/0 -o {FOLDER}/root.pem")
    asked = [
        machine.call(
            *("curl", "-sf", "-o", "/dev/null", "--cacert", f"{FOLDER}/root.pem"),
            *("--resolve", f"{name}:443:127.0.0.1", f"https://{name}/"),
        )
        for name in ("example.com", "www.example.com")
    ]
    return not any(done.returncode for done in asked)
