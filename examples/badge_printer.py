"""A badge printer, simulated: it takes its work with AWS' own SDK, and prints badges on the terminal.

It needs boto3 alone, and a key of `envoy-plugin things add` in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY:

    python badge_printer.py --endpoint-url http://127.0.0.1:8000 --thing front-door-printer
"""

import argparse
import json
import sys
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, HTTPClientError

POLL_SECONDS = 1.0
STEP_MINUTES = 5
UNREACHED = (ConnectTimeoutError, EndpointConnectionError, HTTPClientError)
OVER = {"InvalidRequestException", "InvalidStateTransitionException"}
"""What an update is answered when others have ended the work meanwhile: an operator, or its time."""


def main() -> None:
    """Work until Ctrl-C, or with --once until there is nothing to do."""
    options = read_options()
    jobs = boto3.client("iot-jobs-data", endpoint_url=options.endpoint_url, region_name=options.region)
    while True:
        if not print_if_reached(jobs, options.thing):
            if options.once:
                return
            time.sleep(POLL_SECONDS)


def print_if_reached(jobs: Any, thing: str) -> bool:
    """Print the next badge; False: there is none, or nobody answers, although the SDK has asked for a while."""
    try:
        return print_next(jobs, thing)
    except (*UNREACHED, jobs.exceptions.ServiceUnavailableException) as error:
        sys.stderr.write(f"The plugin can't be reached: {error}\n")
        return False


def print_next(jobs: Any, thing: str) -> bool:
    """Print the next badge; False: there is none to print.

    What was begun when the power went off is handed out again, so a badge is printed twice rather than never.
    """
    started = jobs.start_next_pending_job_execution(thingName=thing, stepTimeoutInMinutes=STEP_MINUTES)
    if "execution" not in started:
        return False
    execution = started["execution"]
    badge = read_badge(execution["jobDocument"])
    if badge is None:
        finish(jobs, execution, "REJECTED", why="not a badge")
        return True
    sys.stdout.write(f"+{'-' * (len(badge) + 2)}+\n| {badge} |\n+{'-' * (len(badge) + 2)}+\n")
    sys.stdout.flush()
    finish(jobs, execution, "SUCCEEDED", badge=badge)
    return True


def read_badge(document: str) -> str | None:
    """What is to be printed; None: nothing that can be."""
    try:
        badge = str(json.loads(document)["print"])
    except (ValueError, KeyError, TypeError):
        return None
    return badge if badge and badge.isprintable() else None


def finish(jobs: Any, execution: dict[str, Any], status: str, **details: str) -> None:
    """Say how the work ended. If others have ended it first, that stands, and the printer goes on with the next."""
    of = {name: execution[name] for name in ("thingName", "jobId", "executionNumber")}
    try:
        jobs.update_job_execution(
            **of, expectedVersion=execution["versionNumber"], status=status, statusDetails=details
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in OVER:
            raise
        sys.stderr.write(f"{execution['jobId']} is over already: {error.response['Error']['Message']}\n")


def read_options() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--endpoint-url", required=True, help="where `envoy-plugin web` listens")
    parser.add_argument("--thing", required=True, help="the name that the printer was added by")
    parser.add_argument("--region", default="us-east-1", help="THINGS_REGION of the plugin")
    parser.add_argument("--once", action="store_true", help="end when there is nothing to do")
    return parser.parse_args()


if __name__ == "__main__":
    main()
