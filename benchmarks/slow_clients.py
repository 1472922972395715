"""How long a normal request takes while many slow clients are connected."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

Client = Callable[[str, int], Awaitable[None]]


async def upload(host: str, port: int) -> None:
    """Send a body of 6,000 bytes, 60 bytes at a time, ten times a second."""
    _, writer = await asyncio.open_connection(host, port)
    writer.write(b"POST /benchmark/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 6000\r\n\r\n")
    for _ in range(100):
        writer.write(b"x" * 60)
        await writer.drain()
        await asyncio.sleep(0.1)


async def read(host: str, port: int) -> None:
    """Read an answer of 5 MB, 50,000 bytes a second."""
    reader, writer = await asyncio.open_connection(host, port, limit=4096)
    writer.write(b"GET /benchmark/large HTTP/1.1\r\nHost: x\r\n\r\n")
    while await reader.read(5000):
        await asyncio.sleep(0.1)


async def drip(host: str, port: int) -> None:
    """Send a header byte by byte, ten bytes a second."""
    _, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


CLIENTS: dict[str, Client] = {"uploads": upload, "readers of 5 MB": read, "dripping headers": drip}


def latencies(address: str, client: Client, count: int, seconds: float) -> list[float]:
    """The milliseconds of each normal request while `count` slow clients are at it, sorted."""
    parts = urlsplit(address)
    return asyncio.run(_measure(str(parts.hostname), int(parts.port or 80), client, count, seconds))


async def _measure(host: str, port: int, client: Client, count: int, seconds: float) -> list[float]:
    async def patient() -> None:
        try:
            await client(host, port)
        except OSError:
            return

    slow = [asyncio.create_task(patient()) for _ in range(count)]
    found = []
    await asyncio.sleep(0.5)
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
    """One request of one's own connection; as long as a client that gives up after 20 s."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(20):
            await reader.read()
    except TimeoutError:
        pass
    finally:
        writer.close()
