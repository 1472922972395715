"""What an application says of itself, as far as Apache has to know it."""

from dataclasses import dataclass

from .static_files import StaticFiles


@dataclass(frozen=True)
class AppProfile:
    """What the application says of itself.

    :param static: The static files that Apache answers for.
    :param note: Why Apache does not answer for those there are.
    :param sends_by_header: Whether ``USE_X_SENDFILE`` is on.
    :param is_alive_at: The path below the mount point that is asked whether it answers.
    """

    static: StaticFiles | None = None
    note: str = ""
    sends_by_header: bool = False
    is_alive_at: str = "/"


UNASKED = AppProfile()
