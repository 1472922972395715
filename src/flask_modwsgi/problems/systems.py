"""What to type, on which operating system."""

import os
import platform
import re
import shlex
import shutil
from pathlib import Path

# Either makes requirements.txt from the dependencies in pyproject.toml; uv for every Python from 3.11 on.
_GET_UV = "python3 -m venv var/uv && var/uv/bin/pip install uv"
_UV = "uv pip compile --universal --python-version 3.11 --generate-hashes --no-header"
COMPILE = f"{_UV} -o requirements.txt pyproject.toml"
COMPILE_TOOLS = f"{_UV} -c requirements.txt --group dev -o requirements-dev.txt"
COMPILE_WITH_PIP_TOOLS = (
    "pip-compile --generate-hashes --strip-extras --no-header -o requirements.txt pyproject.toml"
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
# What is not here is named as what is needed.
_PACKAGES = {
    "system": {
        "debian": "apache2-bin apache2-dev python3-dev python3-venv gcc",
        "fedora": "httpd httpd-devel python3-devel gcc redhat-rpm-config",
        "alpine": "apache2 apache2-dev python3-dev build-base",
        "arch": "apache python base-devel",
        "suse": "apache2 apache2-devel python3-devel gcc",
        "macos": "httpd python",
    },
    "bundled": {
        "debian": "gcc make python3-dev python3-venv libexpat1-dev libssl-dev zlib1g-dev",
        "fedora": "gcc make python3-devel expat-devel openssl-devel zlib-devel redhat-rpm-config",
        "alpine": "build-base linux-headers python3-dev expat-dev openssl-dev zlib-dev",
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
    "python": {
        "debian": "python3 python3-dev python3-venv",
        "fedora": "python3 python3-devel",
        "alpine": "python3 python3-dev",
        "arch": "python",
        "suse": "python3 python3-devel",
        "macos": "python",
    },
    "tkinter": {
        "debian": "python3-tk",
        "fedora": "python3-tkinter",
        "alpine": "python3-tkinter",
        "arch": "tk",
        "suse": "python3-tk",
        "macos": "python-tk",
    },
}
_PACKAGES["md"] = _PACKAGES["tls"] | {
    "fedora": "mod_md",
    "alpine": "certbot",  # its Apache has no mod_md
}
# Where python3 may be older than 3.11, as on RHEL 9.
_PACKAGES["newer-python"] = _PACKAGES["python"] | {
    "fedora": "python3.12 python3.12-devel",
    "suse": "python311 python311-devel",
}

# Where the command is another one than on most systems.
_NEW_USER = {
    "alpine": "addgroup -S {name} && adduser -S -D -H -G {name} -s /sbin/nologin {name}"
    " && RUN_USER={name} ./run",
    "macos": "dscl . -list /Users    # choose one that is not root: RUN_USER=NAME ./run",
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


def compiler() -> str:
    """The line that compiles ``requirements.txt``, with what is installed; otherwise uv is fetched."""
    if shutil.which("pip-compile") and not shutil.which("uv"):
        return COMPILE_WITH_PIP_TOOLS
    return _with_uv(COMPILE)


def _with_uv(command: str) -> str:
    return command if shutil.which("uv") else f"{_GET_UV} && var/uv/bin/{command}"


def _content(file: str) -> str:
    """What is in a file of the project; empty where there is none."""
    try:
        return Path(file).read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _is_written_by_hand(file: str = "requirements.txt") -> bool:
    """Whether the project has such a file that a compiler would replace by another one."""
    return os.path.isfile(file) and "--hash=" not in _content(file)


def change_of(package: str, are_tools: bool, for_every_python: bool = False) -> str:
    """The line that installs what the project lists, after a change of what it says of `package`.

    :param are_tools: Whether it is in ``requirements-dev.txt``.
    :param for_every_python: Whether packages are pinned for every Python, where they are compiled.
    """
    file = "requirements-dev.txt" if are_tools else "requirements.txt"
    if _is_written_by_hand(file):
        return f"${{EDITOR:-vi}} {file} && ./run setup"
    name = re.sub(r"[-_.]+", "[-_.]+", re.split(r"[^\w.-]", package)[0])
    is_listed = re.search(rf"[\"']{name}(?![\w.-])", _content("pyproject.toml"), re.IGNORECASE)
    edit = "${EDITOR:-vi} pyproject.toml && " if is_listed else ""
    pinned = _with_uv(COMPILE_TOOLS if are_tools else COMPILE)
    compiled = pinned if are_tools or for_every_python else compiler()
    return f"{edit}{compiled} && ./run setup"


def dependencies(_: str = "") -> str:
    """Where the project lists its packages."""
    return "requirements.txt" if _is_written_by_hand() else "dependencies in pyproject.toml"


def change_and_setup(_: str = "") -> str:
    """The line that installs what the project lists, after a change of that."""
    if _is_written_by_hand():
        return "${EDITOR:-vi} requirements.txt && ./run setup"
    return f"{compiler()} && ./run setup"


def renew_hashes(package: str, are_tools: bool) -> str:
    """The line that gets the hashes of `package` again, and installs what the project lists.

    :param are_tools: Whether it is in ``requirements-dev.txt``.
    """
    if not are_tools and _is_written_by_hand():
        return change_and_setup()
    command = _with_uv(COMPILE_TOOLS) if are_tools else compiler()
    return f"{command} --upgrade-package {shlex.quote(package)} && ./run setup"


def install(need: str, on: str | None = None) -> str:
    """The line that installs what `need` (system, bundled, python) takes on this system."""
    name = on or family()
    command = f"{_COMMAND[name]} {_PACKAGES.get(need, {}).get(name, need)}"
    return command if name == "macos" else as_root(command)


def port_owner(port: int) -> str:
    """The line that shows which program listens on `port`."""
    on_linux, on_macos = f"ss -ltnp 'sport = :{port}'", f"lsof -nP -iTCP:{port} -sTCP:LISTEN"
    return f"{on_macos if family() == 'macos' else on_linux}    # who has it"


def new_user(name: str) -> str:
    """The line that makes a system user without a login, and serves as that user."""
    usual = "useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin {name}"
    return _NEW_USER.get(family(), f"{usual} && RUN_USER={{name}} ./run").format(name=name)


def run_as(user: str, command: str) -> str:
    """The line with which root runs a command as another user, with or without a name (``#1000``)."""
    if shutil.which("sudo") or family() == "macos":
        return f"sudo -u {shlex.quote(user)} {command}"
    if user.startswith("#"):
        number = user.removeprefix("#")
        return f"setpriv --reuid={number} --regid={number} --clear-groups {command}"
    return f"runuser -u {shlex.quote(user)} -- {command}"


def of_user(user: str, command: str) -> str:
    """The line with which root runs a command as another user; whoever else types it is that user."""
    return run_as(user, command) if os.geteuid() == 0 and user != "root" else command


def ask_for(user: str, command: str) -> str:
    """The line with which an ordinary user runs a command as another user, who may be root."""
    if shutil.which("sudo") or family() == "macos":
        return f"sudo {command}" if user == "root" else f"sudo -u {shlex.quote(user)} {command}"
    quoted = shlex.quote(command)
    return f"su {shlex.quote(user)} -c {quoted if quoted != command else repr(command)}"


def as_root(command: str) -> str:
    """The line that runs a command as root, whoever types it."""
    return command if os.geteuid() == 0 else ask_for("root", command)


def as_root_for_this_shell(command: str) -> str:
    """The line that runs a command as root, with what the caller's shell replaces in it, such as ``$$``."""
    has_sudo = shutil.which("sudo") or family() == "macos"
    return f"sudo {command}" if has_sudo else f'su root -c "{command}"'


def more_open_files() -> str:
    """The line after which a shell may have more open files than its hard limit."""
    if os.geteuid() == 0 or family() == "macos":
        return "ulimit -n 4096"
    return as_root_for_this_shell("prlimit --pid $$ --nofile=4096:4096")


def more_tasks(group: str, tasks: int) -> str:
    """The line after which a control group may have more processes and threads.

    :param group: Its name: that of a unit of systemd, or any other in a container.
    """
    if group.endswith((".scope", ".service", ".slice")):
        line = f"systemctl set-property {shlex.quote(group)} TasksMax={tasks}"
        return f"{as_root(line)} && ./run"
    container = shlex.quote(platform.node())  # a container's host name is its id, unless it got one
    return f"docker update --pids-limit {tasks} {container}    # outside the container"


def with_low_ports(command: str) -> str:
    """The line that runs a command with the right to listen on ports below 1024, where one can."""
    if family() == "macos":
        return "brew install nginx    # a reverse proxy"
    right = "+net_bind_service"
    who = "--reuid=$(id -u) --regid=$(id -g) --init-groups"
    return f"sudo setpriv {who} --inh-caps={right} --ambient-caps={right} {command}"


def edit(file: Path, line: int) -> str:
    """The line that opens a file there."""
    return f"${{EDITOR:-vi}} +{line} {shlex.quote(str(file))}"


def show_way(path: Path | str) -> str:
    """The line that shows the permissions of `path` and of each folder above it.

    BusyBox, as on Alpine, and macOS have no ``namei``.
    """
    if shutil.which("namei"):
        return f"namei -l {shlex.quote(str(path))}"
    steps = (*reversed(Path(path).parents), path)
    return f"ls -ld {' '.join(shlex.quote(str(step)) for step in steps)}"


def find_in_code(pattern: str, how: str = "E") -> str:
    """The line that finds `pattern` in the project's code. BusyBox's ``grep`` has no ``--include``.

    :param how: An option of ``grep``: E for a regular expression, F for a text, w for a word.
    """
    command = f"grep -nH{how} -e {shlex.quote(pattern)}"
    return f"find . -path ./var -prune -o -name '*.py' -exec {command} {{}} +"


def move_to_srv(folder: Path) -> str:
    """The line that moves a project to where every user may enter, and makes it ready there."""
    here, there = shlex.quote(str(folder)), shlex.quote(f"/srv/{folder.name}")
    return f"mv {here} /srv/ && {there}/run setup"


def replace_in(file: str, script: str) -> str:
    """The line that changes `file` by a script of ``sed``, with extended regular expressions."""
    in_place = "-i ''" if family() == "macos" else "-i"
    return f"sed {in_place} -E {shlex.quote(script)} {file}"
