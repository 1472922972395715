"""How long a normal request takes while many slow clients are connected."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
# Takes the host, the port, and what is set when the client is at work.
Client = Callable[[str, int, asyncio.Event], Awaitable[None]]


@asynccontextmanager
async def connected(host: str, port: int, limit: int = 65536) -> AsyncIterator[Streams]:
    """A connection that is closed at the end, whatever became of it."""
    reader, writer = await asyncio.open_connection(host, port, limit=limit)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def upload(host: str, port: int, begun: asyncio.Event) -> None:
    """Send a body of 6,000 bytes, 60 bytes at a time, ten times a second."""
    async with connected(host, port) as (_, writer):
        writer.write(b"POST /benchmark/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 6000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x" * 60)
            await writer.drain()
            begun.set()
            await asyncio.sleep(0.1)


async def read(host: str, port: int, begun: asyncio.Event) -> None:
    """Read an answer of 5 MB, 50,000 bytes a second."""
    async with connected(host, port, limit=4096) as (reader, writer):
        writer.write(b"GET /benchmark/large HTTP/1.1\r\nHost: x\r\n\r\n")
        while await reader.read(5000):
            begun.set()
            await asyncio.sleep(0.1)


async def drip(host: str, port: int, begun: asyncio.Event) -> None:
    """Send a header byte by byte, ten bytes a second."""
    async with connected(host, port) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            begun.set()
            await asyncio.sleep(0.1)


CLIENTS: dict[str, Client] = {"uploads": upload, "readers of 5 MB": read, "dripping headers": drip}


def latencies(address: str, client: Client, count: int, seconds: float) -> list[float]:
    """The milliseconds of each normal request, sorted, once `count` slow clients are at work."""
    parts = urlsplit(address)
    return asyncio.run(_measure(str(parts.hostname), int(parts.port or 80), client, count, seconds))


async def _measure(host: str, port: int, client: Client, count: int, seconds: float) -> list[float]:
    async def patient(begun: asyncio.Event) -> None:
        with suppress(OSError):
            await client(host, port, begun)

    at_work = [asyncio.Event() for _ in range(count)]
    slow = [asyncio.create_task(patient(begun)) for begun in at_work]
    found = []
    with suppress(TimeoutError):  # some servers never get to all of them
        await asyncio.wait_for(asyncio.gather(*(begun.wait() for begun in at_work)), 5)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        began = time.monotonic()
        await _get(host, port)
        found.append((time.monotonic() - began) * 1000)
        await asyncio.sleep(0.02)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    return sorted(found)


async def _get(host: str, port: int) -> None:
    """One request over a new connection; the client gives up after 20 s."""
    with suppress(TimeoutError):
        async with connected(host, port) as (reader, writer), asyncio.timeout(20):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await reader.read()
