"""Notices that files were saved."""

from collections.abc import Iterable, Iterator
from pathlib import Path

WATCHED = {".py", ".wsgi", ".html", ".toml", ".json"}


class Watch:
    """Compares what the files under some paths look like now with the time before.

    Polls, because that works on every file system, in containers and across machines.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = list(paths)
        self.seen = self._look()

    def changed(self) -> list[Path]:
        """The files saved, made or removed since the last call."""
        before, self.seen = self.seen, self._look()
        return sorted(
            path
            for path in before.keys() | self.seen.keys()
            if before.get(path) != self.seen.get(path)
        )

    def _look(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for path in self._files():
            try:
                status = path.stat()
            except OSError:  # removed since it was listed
                continue
            found[path] = (status.st_mtime_ns, status.st_size)
        return found

    def _files(self) -> Iterator[Path]:
        for path in self.paths:
            if path.is_dir():
                yield from (file for file in path.rglob("*") if file.suffix in WATCHED)
            else:
                yield path
