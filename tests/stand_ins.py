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
    loop, ready = asyncio.new_event_loop(), threading.Event()
    base_url = ""

    async def start() -> web.AppRunner:
        nonlocal base_url
        app = web.Application(client_max_size=2**24)
        app.router.add_route(method, path, answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def run() -> None:
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield base_url
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
