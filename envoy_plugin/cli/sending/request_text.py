"""A request that is shown instead of sent: as it stands, or as a `curl` command."""

import base64
import json
import shlex
from collections.abc import Mapping
from typing import Final

from yarl import URL

from envoy_plugin.simulator.tampering import Tampering
from envoy_plugin.simulator.wire import Json

LONGEST_ARGUMENT: Final = 30_000
"""Letters of a body that a shell passes on; `printf` is the shell's own, and takes any number."""


def as_request(url: URL, body: bytes, secret: str, tampering: Tampering) -> str:
    """Method, URL, headers and body, as they would go out."""
    headers = tampering.headers(body, secret)
    lines = [f"POST {url}", *(f"{name}: {value}" for name, value in headers.items()), ""]
    return "\n".join([*lines, tampering.sent(body).decode(errors="replace")])


def as_request_json(url: URL, body: bytes, secret: str, tampering: Tampering) -> str:
    """The same as one JSON object; the body is text."""
    shown: Mapping[str, Json] = {
        "sent": False,
        "method": "POST",
        "url": str(url),
        "headers": tampering.headers(body, secret),
        "body": tampering.sent(body).decode(errors="replace"),
    }
    return json.dumps(shown, ensure_ascii=False)


def as_curl(url: URL, body: bytes, secret: str, tampering: Tampering) -> str:
    """A command for a POSIX shell that sends the very same; the secret isn't in it, the signature is."""
    headers = (f"-H {shlex.quote(f'{name}: {value}')}" for name, value in tampering.headers(body, secret).items())
    start = f"curl -sS -i -X POST {shlex.quote(str(url))} {' '.join(headers)}"
    sent = tampering.sent(body)
    try:
        text = sent.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or len(text) > LONGEST_ARGUMENT:
        return f"printf %s {base64.b64encode(sent).decode()} | base64 -d | {start} --data-binary @-"
    # A leading @ would be the name of a file.
    data = "--data-raw" if text.startswith("@") else "--data-binary"
    return f"{start} {data} {shlex.quote(text)}"
