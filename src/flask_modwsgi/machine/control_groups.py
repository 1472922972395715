"""The control groups of this process, in which Linux counts and limits what processes use."""

from pathlib import Path

from .files import text_if_any

PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def folders(controller: str, proc: Path = PROC, groups: Path = GROUPS) -> list[Path]:
    """The folder of the own group, then those of the groups around it; a limit of each counts.

    Within a container, the own one may be out of sight; then the outermost is the container's.

    :param controller: Such as ``memory``. In version 1, each has a tree of its own.
    https://man7.org/linux/man-pages/man7/cgroups.7.html, /proc/[pid]/cgroup
    """
    found = []
    for row in text_if_any(proc / "self/cgroup").splitlines():
        _, controllers, path = row.split(":", 2)
        if not controllers or controller in controllers.split(","):
            tree = groups / controller if controllers else groups
            own = tree / path.lstrip("/")
            found += [own, *(folder for folder in own.parents if folder.is_relative_to(tree))]
    return found
