"""A process that uses a plugin's storage in Redis until it is killed, or has done what it should."""

import asyncio
import itertools
import json
import sys

from envoy_plugin.connection import connect_redis
from envoy_plugin.envoy.storage import Storage
from tests.framework.storage_places import redis_storages

KEYS = 20


async def hammer(storage: Storage, name: str, count: int) -> list[object]:
    """What `set_unique_num` gave, from as many numbers as two of these want."""
    given = [await storage.set_unique_num(f"{name}-{number}", min=1, max=2 * count) for number in range(count)]
    return [item.value if item else None for item in given]


async def turn(storage: Storage, name: str) -> None:
    """Give all keys the same new value, again and again, with one that is unique and one that comes and goes."""
    for number in itertools.count(1):
        pipeline = storage.pipeline()
        for key in range(KEYS):
            pipeline.set(f"{name}-{key:02}", number)
        pipeline.set_unique_num("card").set("twin", number)
        await (pipeline.unset("guest") if number % 2 else pipeline.set("guest", number)).execute()
        print(number, flush=True)  # noqa: T201 - whoever kills this reads it


async def main(url: str, what: str, name: str, count: int) -> None:
    """Do one of the two."""
    async with connect_redis(url, retries=0) as redis:
        storage = redis_storages(redis).of_install("1001")
        if what == "hammer":
            print(json.dumps(await hammer(storage, name, count)))  # noqa: T201 - whoever started this reads it
        else:
            await turn(storage, name)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
