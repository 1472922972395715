"""What is asked of each contender."""

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Workload:
    """A path, and how many connections ask for it again and again."""

    name: str
    path: str
    connections: int
    script: Path | None = None

    @property
    def is_static(self) -> bool:
        """Whether a server without the application can answer it."""
        return self.path.startswith("/static/")


PAGE = Workload("page", "/", 32)
WAIT = Workload("20 ms of waiting", "/benchmark/wait", 32)
SMALL_FILE = Workload("static file, small", "/static/style.css", 32)
WORKLOADS = (
    PAGE,
    Workload("page, 1 connection", "/", 1),
    Workload("page, 200 connections", "/", 200),
    Workload("page, 1,000 connections", "/", 1000),
    Workload("JSON", "/benchmark/json", 32),
    WAIT,
    Workload("upload of 100 kB", "/benchmark/upload", 32, HERE / "upload.lua"),
    SMALL_FILE,
    Workload("static file, small, 1,000 connections", SMALL_FILE.path, 1000),
    Workload("static file, 1 MB", "/static/large.bin", 32),
)


@dataclass(frozen=True)
class Variant:
    """A way to serve the contenders, and what is asked of them then."""

    name: str
    workloads: tuple[Workload, ...]
    processes: int = 2
    threads: int = 5
    protocol: str = "http/1.1"
    is_encrypted: bool = False


VARIANTS = (
    Variant("", WORKLOADS),
    Variant("1 process x 5 threads", (PAGE, WAIT), processes=1),
    Variant("4 processes x 5 threads", (PAGE, WAIT), processes=4),
    Variant("2 processes x 20 threads", (PAGE, WAIT), threads=20),
    Variant("TLS", (PAGE, SMALL_FILE), is_encrypted=True),
    Variant("HTTP/2", (PAGE, SMALL_FILE), is_encrypted=True, protocol="h2"),
)
