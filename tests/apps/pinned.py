"""The versions that applications and recipes are tested with; `make upgrade` takes the newest."""

from pathlib import Path

CONSTRAINTS = Path(__file__).with_name("constraints.txt")
# It does not work with the newest of its packages.
IHATEMONEY = CONSTRAINTS.with_name("ihatemoney.txt")


def pinned(requirements: str) -> dict[str, str]:
    """The files, by name, that install these requirements in the versions of the lists here.

    Requirements with hashes have versions of their own.
    """
    if "--hash=" in requirements:
        return {"requirements.txt": requirements}
    versions = IHATEMONEY if "ihatemoney" in requirements else CONSTRAINTS
    return {
        "requirements.txt": f"{requirements}-c {versions.name}\n",
        versions.name: versions.read_text("utf-8"),
    }
