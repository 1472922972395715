"""What to type on which operating system."""

import os
import platform
from pathlib import Path

NETWORK_ERRORS = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "NameResolutionError",
    "Failed to establish a new connection",
    "No matching distribution found",
    "dns error",
    "error sending request",
    "Network is unreachable",
)

_COMMAND = {
    "debian": "apt-get install -y",
    "fedora": "dnf install -y",
    "alpine": "apk add",
    "arch": "pacman -S --needed",
    "suse": "zypper install -y",
    "macos": "brew install",
}

# Package names: the mod_wsgi documentation's "installation" pages and each system's own index.
_PACKAGES = {
    "system": {
        "debian": "apache2-bin apache2-dev python3-dev python3-venv gcc",
        "fedora": "httpd httpd-devel python3-devel gcc redhat-rpm-config",
        "alpine": "apache2 apache2-dev python3-dev build-base bash",
        "arch": "apache python base-devel",
        "suse": "apache2 apache2-devel python3-devel gcc",
        "macos": "httpd python",
    },
    "bundled": {
        "debian": "gcc make python3-dev python3-venv libexpat1-dev libssl-dev zlib1g-dev",
        "fedora": "gcc make python3-devel expat-devel openssl-devel zlib-devel redhat-rpm-config",
        "alpine": "build-base linux-headers python3-dev expat-dev openssl-dev zlib-dev bash",
        "arch": "base-devel python expat openssl zlib",
        "suse": "gcc make python3-devel libexpat-devel libopenssl-devel zlib-devel",
        "macos": "httpd python",
    },
    "tls": {
        "debian": "apache2-bin",
        "fedora": "mod_ssl",
        "alpine": "apache2-ssl",
        "arch": "apache",
        "suse": "apache2",
        "macos": "httpd",
    },
    "openssl": dict.fromkeys(_COMMAND, "openssl"),
    "python": {
        "debian": "python3 python3-dev python3-venv",
        "fedora": "python3 python3-devel",
        "alpine": "python3 python3-dev",
        "arch": "python",
        "suse": "python3 python3-devel",
        "macos": "python",
    },
}


def family() -> str:
    """The family of this system, as the tables above name it; ``debian`` where unknown."""
    if platform.system() == "Darwin":
        return "macos"
    release = Path("/etc/os-release")
    return family_of(release.read_text(encoding="utf-8") if release.exists() else "")


def family_of(os_release: str) -> str:
    """The family an ``os-release`` file speaks of (``man 5 os-release``: ID, ID_LIKE)."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    words = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    aliases = {"rhel": "fedora", "centos": "fedora", "ubuntu": "debian", "opensuse": "suse"}
    for word in words:
        name = aliases.get(word, word)
        if name in _COMMAND:
            return name
    return "debian"


def install(need: str, on: str | None = None) -> str:
    """The line that installs what `need` (system, bundled, python) takes on this system."""
    name = on or family()
    sudo = "" if os.geteuid() == 0 or name == "macos" else "sudo "
    return f"{sudo}{_COMMAND[name]} {_PACKAGES[need][name]}"
