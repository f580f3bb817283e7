"""Take the results in a coroutine, under asyncio or trio; the event loop is never held up."""

import asyncio

from pyfetch import Batch


async def main() -> None:
    urls = [f"https://example.org/page/{number}" for number in range(1, 9)]
    async for result in Batch(urls, workers=4, discard=True).aresults():
        print(result.index, result.status)


asyncio.run(main())
