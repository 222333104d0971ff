"""Everything that Redis holds, read in one script."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

Value = str | bytes | list[str] | set[str] | dict[str, bytes] | dict[str, float]

DUMP: Final = """
local READ = {string = {'GET'}, hash = {'HGETALL'}, set = {'SMEMBERS'},
              list = {'LRANGE', 0, -1}, zset = {'ZRANGE', 0, -1, 'WITHSCORES'}}
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local words = {unpack(READ[kind])}
  table.insert(words, 2, key)
  all[#all + 1] = {key, kind, redis.call(unpack(words)), redis.call('PTTL', key)}
end
return all
"""

ANY_KEY: Final = "{test}:"
"""On a cluster it leads to the node that holds the engine's keys."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a key holds, and for how many ms more; None: for good."""

    value: Value
    ttl: int | None

    def like(self, other: "Entry | None") -> bool:
        """Whether both are the same, but for the moments that passed between two looks."""
        return (
            other is not None
            and self.value == other.value
            and (self.ttl is None) == (other.ttl is None)
            and abs((self.ttl or 0) - (other.ttl or 0)) < 60_000
        )


Picture = Mapping[str, Entry]


def _pairs(reply: list[bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in zip(reply[::2], reply[1::2], strict=True)}


def _value(kind: bytes, reply: Any) -> Value:
    match kind:
        case b"string":
            return bytes(reply)
        case b"hash":
            return _pairs(reply)
        case b"zset":
            return {member: float(score) for member, score in _pairs(reply).items()}
        case b"set":
            return {member.decode() for member in reply}
        case _:
            return [item.decode() for item in reply]


def read_picture(reply: list[list[Any]]) -> Picture:
    """The picture in the reply of `DUMP`."""
    return {key.decode(): Entry(_value(kind, value), ttl if ttl >= 0 else None) for key, kind, value, ttl in reply}


async def take_picture(redis: Redis) -> Picture:
    """Every key with its content."""
    return read_picture(await redis.eval(DUMP, 1, ANY_KEY))


def differences(before: Picture, after: Picture) -> list[str]:
    """The keys that are not the same in both."""
    return sorted(
        key for key in before.keys() | after.keys() if not (key in before and before[key].like(after.get(key)))
    )
