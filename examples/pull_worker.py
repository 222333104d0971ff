"""A pull-worker of nothing but Python's standard library: it counts words.

    TITAN_TOKEN=titan.… python pull_worker.py http://127.0.0.1:8000

It takes one job after the other, touches it while it works, and says how it ended, with a log. A job's `image` says
what is to be done with its `payload`; WORK has the functions. With --once it ends when there is no job left.
"""

import argparse
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

WAIT = 20
"""How many seconds the server waits for a job before it answers that there is none."""
PAUSE = 5.0


class Api:
    """The calls that a worker makes."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = f"{url.rstrip('/')}/v1"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def consume(self, wait: int) -> dict[str, Any] | None:
        """The next job; None: there is none."""
        jobs = json.loads(self._ask("GET", f"/jobs/consume?wait={wait}"))["jobs"]
        return jobs[0] if jobs else None

    def touch(self, job_id: str) -> None:
        """Begin the job's time-out anew."""
        self._ask("POST", f"/job/{job_id}/touch")

    def succeed(self, job_id: str, log: str) -> None:
        """Say that it was done."""
        self._ask("POST", f"/job/{job_id}/success", {"log": log})

    def fail(self, job_id: str, details: str, log: str) -> None:
        """Say that it couldn't be done, and why."""
        self._ask("POST", f"/job/{job_id}/fail", {"reason": "bad_exit", "details": details, "log": log})

    def _ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> bytes:
        body, headers = None, dict(self._headers)
        if form is not None:
            boundary = uuid.uuid4().hex
            body = multipart(form, boundary)
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
        request = Request(self._url + path, body, headers, method=method)  # noqa: S310 - the URL is the operator's
        with urlopen(request, timeout=WAIT + 40) as answer:  # noqa: S310 - the same
            content: bytes = answer.read()
        return content


def multipart(form: Mapping[str, str], boundary: str) -> bytes:
    """The fields as a form's body."""
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
             for name, text in form.items()]  # fmt: skip
    return "".join([*parts, f"--{boundary}--\r\n"]).encode()


def count_words(payload: str) -> str:
    """The log of counting."""
    return f"{len(payload.split())} words\n"


WORK: Mapping[str, Callable[[str], str]] = {"count-words": count_words}


def keep(api: Api, job: Mapping[str, Any], over: threading.Event) -> None:
    """Touch the job until it is over, or until that is refused: then its end will be, too."""
    while not over.wait(job["timeout"] / 2):
        try:
            api.touch(job["id"])
        except HTTPError:
            return


def work(api: Api, job: Mapping[str, Any]) -> None:
    """Do a job, and say how it ended."""
    over = threading.Event()
    threading.Thread(target=keep, args=(api, job, over), daemon=True).start()
    try:
        log = WORK[job["image"]](job["payload"])
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the job has failed and somebody should read why
        api.fail(job["id"], f"{type(error).__name__}: {error}", "")
    else:
        api.succeed(job["id"], log)
    finally:
        over.set()


def main() -> None:
    """Work until Ctrl-C, or with --once until there is nothing to do."""
    parser = argparse.ArgumentParser(description="A pull-worker that counts words.")
    parser.add_argument("url", help="where the plugin is served, as http://127.0.0.1:8000")
    parser.add_argument("--once", action="store_true", help="end when there is no job left")
    options = parser.parse_args()
    api = Api(options.url, os.environ.get("TITAN_TOKEN"))
    while True:
        try:
            job = api.consume(0 if options.once else WAIT)
            if job is not None:
                work(api, job)
            elif options.once:
                return
        except HTTPError as error:
            sys.stderr.write(f"{error.code}: {error.read().decode(errors='replace')}\n")
            if options.once or error.code in {401, 403}:
                sys.exit(1)
        except URLError as error:
            sys.stderr.write(f"{error.reason}; again in {PAUSE:.0f} s\n")
            time.sleep(PAUSE)


if __name__ == "__main__":
    main()
