"""What `flask-modwsgi init` copies into a project: the same as the template's."""

from importlib import resources


def text(name: str) -> str:
    """One of the files here, which may be inside a wheel."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
