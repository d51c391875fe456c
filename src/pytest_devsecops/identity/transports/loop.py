"""An event loop in a thread of its own, for what is asynchronous in a suite that is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from pytest_devsecops.identity.errors import UnreachableError

T = TypeVar("T")

_HOOK_SECONDS = 60.0
_GOODBYE_SECONDS = 5.0


class LoopThread:
    """A loop that runs until it is closed. It starts at the first use."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(
        self, work: Coroutine[Any, Any, T], *, timeout: float = _HOOK_SECONDS, what: str = "an asynchronous hook"
    ) -> T:
        """Run ``work`` on the loop and wait for it.

        Args:
            work: the coroutine.
            timeout: seconds to wait.
            what: its name in the error message.

        Raises:
            UnreachableError: if it takes longer.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result(timeout)
        except TimeoutError:
            if future.done():
                raise
            future.cancel()
            raise UnreachableError(f"{what} did not answer within {timeout:g} seconds") from None

    def close(self) -> None:
        """Cancel what is still running and end the loop. A loop that hangs is left to its daemon thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = self._thread = None
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop)
        thread.join(_GOODBYE_SECONDS)
        if not thread.is_alive():
            loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="devsecops-loop", daemon=True)
            self._thread.start()
        return self._loop


async def _cancel_all() -> None:
    loop = asyncio.get_running_loop()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), _GOODBYE_SECONDS / 2)
    await loop.shutdown_asyncgens()
    loop.call_soon(loop.stop)
