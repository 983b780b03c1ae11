"""A stand-in for a server: an aiohttp application on a port of its own, in a thread of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextmanager
def answering(method: str, path: str, answer: Answer) -> Iterator[str]:
    """Serves `answer` and yields the base URL. Replies still under way when it ends are cut."""
    ready = threading.Event()
    loop: asyncio.AbstractEventLoop
    base_url = ""
    end: asyncio.Event

    async def serve() -> None:
        nonlocal loop, base_url, end
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=2**24)
        app.router.add_route(method, path, answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await end.wait()
        await runner.cleanup()

    # asyncio.run() also cancels, and waits for, what the clean-up left
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield base_url
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
