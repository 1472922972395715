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


WORKLOADS = (
    Workload("page", "/", 32),
    Workload("page, 1 connection", "/", 1),
    Workload("page, 200 connections", "/", 200),
    Workload("page, 1,000 connections", "/", 1000),
    Workload("JSON", "/benchmark/json", 32),
    Workload("20 ms of waiting", "/benchmark/wait", 32),
    Workload("upload of 100 kB", "/benchmark/upload", 32, HERE / "upload.lua"),
    Workload("static file, small", "/static/style.css", 32),
    Workload("static file, 1 MB", "/static/large.bin", 32),
)
