"""Reading one environment variable: from text to a value, or a `ValueError` that says what must be otherwise.

No error quotes the text, which may be a secret. A duration is a number of seconds, or a number with a unit: `15`,
`1.5s`, `5m`, `24h`, `7d`.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pydantic import ValidationInfo

MEMORY_URL: Final = "memory://"
REDIS_SCHEMES: Final = ("redis", "rediss", "unix")
LEAST_SECRET: Final = 16
MOST_SECRETS: Final = 2

UNITS: Final = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DURATION: Final = re.compile(r"(\d{1,7}(?:\.\d{1,6})?)([smhd]?)", re.ASCII)
WHOLE: Final = re.compile(r"\d{1,12}", re.ASCII)
HOST_AND_PORT: Final = re.compile(r"[A-Za-z0-9.:\[\]-]+")
REGION: Final = re.compile(r"[a-z0-9]{1,16}(-[a-z0-9]{1,16}){0,4}")
ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII)
PREFIX: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
PATH_WORD: Final = re.compile(r"[A-Za-z0-9-][A-Za-z0-9_-]{0,63}")
TAKEN: Final = frozenset({"envoy", "healthz", "readyz", "v1", "things", "jobs", "command-executions"})
"""The first words of paths that something else is served on; those for development begin with `_`."""


def words(kind: type[StrEnum]) -> Callable[[object], StrEnum]:
    """Reads one of the words of `kind`, in any case."""

    def read(text: object) -> StrEnum:
        try:
            return kind(str(text).lower())
        except ValueError:
            raise ValueError(f"must be one of: {', '.join(kind)}") from None

    return read


def on_or_off(text: str) -> bool:
    """Reads `on` or `off`, in any case."""
    if text.lower() not in {"on", "off"}:
        raise ValueError("must be on or off")
    return text.lower() == "on"


def parse_duration(text: str) -> timedelta:
    """`15` and `15s` are seconds; `m`, `h` and `d` are minutes, hours and days.

    Raises:
        ValueError: it is none of these.
    """
    found = DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError("must be a duration such as 15 (seconds), 1.5s, 5m, 24h or 7d")
    return timedelta(**{UNITS[found[2]]: float(found[1])})


def duration(least: str, most: str) -> Callable[[str], timedelta]:
    """Reads a duration of at least `least` and at most `most`."""
    low, high = parse_duration(least), parse_duration(most)

    def read(text: str) -> timedelta:
        value = parse_duration(text)
        if not low <= value <= high:
            raise ValueError(f"must be from {least} to {most}")
        return value

    return read


def whole(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number from `least` to `most`."""

    def read(text: str) -> int:
        if not WHOLE.fullmatch(text.strip()) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def one_word(text: str) -> str:
    """Reads a text without spaces in it."""
    word = text.strip()
    if not word or any(character.isspace() for character in word):
        raise ValueError("must be one word")
    return word


def key_prefix(text: str) -> str:
    """Reads what Redis' keys may begin with."""
    if not PREFIX.fullmatch(text):
        raise ValueError("must be 1 to 64 of the characters A-Z, a-z, 0-9 and _ . : -")
    return text


def aws_region(text: str) -> str:
    """Reads what AWS' SDKs take as a region."""
    if not REGION.fullmatch(text):
        raise ValueError("must be a region such as us-east-1")
    return text


def aws_account(text: str) -> str:
    """Reads the number of an AWS account, as text."""
    if not ACCOUNT.fullmatch(text):
        raise ValueError("must be 12 digits")
    return text


def path_word(text: str) -> str:
    """Reads a word that a path can have in the middle."""
    if not PATH_WORD.fullmatch(text):
        raise ValueError("must be 1 to 64 of the characters A-Z, a-z, 0-9, - and _, and not begin with _")
    return text


def first_path_word(text: str) -> str:
    """Reads a word that a path can begin with, and none of ours does."""
    if text in TAKEN:
        raise ValueError("must not be a word that other paths begin with")
    return path_word(text)


def secret_values(text: str) -> tuple[str, ...]:
    """Reads one secret, or two with one space between them: the new one, which signs, then the old one."""
    values = tuple(text.split(" "))
    if not text:
        raise ValueError("is empty")
    if len(values) > MOST_SECRETS or not all(value and value.isprintable() for value in values):
        raise ValueError("must be one secret, or two (the new one first) with one space between them")
    if any(len(value) < LEAST_SECRET for value in values):
        raise ValueError(f"has a secret of fewer than {LEAST_SECRET} characters")
    return values


def _split(url: str) -> SplitResult | None:
    """The parts of a URL; None if it isn't one. Python's own errors quote the URL, so they end here."""
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018  # parsed on access
    except ValueError:
        return None
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(url: str) -> str:
    """Reads an origin, without a slash at the end: https, or http on this machine."""
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL such as https://app.envoy.com")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or not HOST_AND_PORT.fullmatch(parts.netloc):
        raise ValueError("must be an origin: scheme, host and port, and nothing after or before them")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must begin with https://, unless the host is this machine")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def redis_location(url: str, info: ValidationInfo) -> str:
    """Reads a Redis URL, or `memory://` where the validation's context has `dev`."""
    url = url.strip()
    if url == MEMORY_URL:
        return _memory_location(info)
    parts = _split(url)
    if parts is None or parts.scheme not in REDIS_SCHEMES or parts.fragment:
        raise ValueError("must be a URL that begins with redis://, rediss:// or unix://, with / # ? @ in its password "
                         "written %2F %23 %3F %40")  # fmt: skip
    if parts.scheme == "unix":
        return _socket_location(url, parts)
    if not parts.hostname or not re.fullmatch(r"(/\d{0,4})?", parts.path):
        raise ValueError("must name a host, and after it nothing or the number of a database")
    return url


def _socket_location(url: str, parts: SplitResult) -> str:
    if not parts.path.strip("/"):
        raise ValueError("must name a socket's path after unix://")
    return url


def _memory_location(info: ValidationInfo) -> str:
    if not (info.context or {}).get("dev"):
        raise ValueError("is memory://, which forgets everything and is for `envoy-plugin dev` alone")
    return MEMORY_URL
