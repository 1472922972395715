"""An ACME authority in a machine: Pebble, which asks for its files on port 80 as Let's Encrypt does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from serving import wait_for

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
