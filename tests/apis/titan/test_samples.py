"""Requests as the clients of the time really send them, byte for byte, through a socket."""

import json
from dataclasses import replace

import pytest
from yarl import URL

from tests.apis.replies import holds
from tests.apis.titan import site as making
from tests.apis.titan.site import Reply, Site
from tests.samples.reading import Sample, exchange, read_samples

SAMPLES = read_samples("titan")
STATES = ("queued", "running", "succeeded", "failed")
LOGS = {
    "js_success_stream": b"line 1\nline 2\n",
    "js_success_string": "grüße".encode(),
    "js_success_buffer": b"\xff\xfe\x00\x80 \r\n\n--not the boundary\r\n",
    "js_fail": b"oom",
    "swagger_fail_log_alone": b"exit 1",
    "fail_urlencoded": b"bye\xff",
    "go_fail": b"",
    "success_no_body": b"",
    "success_empty_form": b"",
}


async def replay(site: Site, sample: Sample) -> Reply:
    url = URL(site.url)
    status, headers, content = await exchange(sample, url.host or "", url.port or 0)
    return Reply(status=status, content=content, headers=headers)


async def prepared(site: Site, sample: Sample) -> tuple[Sample, str]:
    """The sample with the id of a job that is in the state it names."""
    for state in STATES:
        if f"{{{state}}}" in sample.target:
            job_id = await getattr(making, state)(site)
            return replace(sample, target=sample.target.replace(f"{{{state}}}", job_id)), job_id
    await site.enqueue(payload="p")
    return sample, ""


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_a_client_of_the_time_is_answered_as_it_expects(site: Site, sample: Sample) -> None:
    request, job_id = await prepared(site, sample)
    if sample.name == "js_jobs_get":
        await site.consume()
    status, _, expected = sample.answer.partition(" ")
    reply = await replay(site, request)
    assert reply.status == int(status), reply.content
    if expected:
        assert holds(reply.body, json.loads(expected)), reply.content
        assert reply.headers["Content-Type"] == "application/json"
    if sample.name in LOGS:
        assert (await site.ask("GET", f"/job/{job_id}/log")).content == LOGS[sample.name]


def test_every_operation_has_a_sample_of_the_javascript_client() -> None:
    words = ("post", "get", "consume", "job_get", "delete", "cancel", "success", "fail", "touch", "retry", "log")
    names = [sample.name for sample in SAMPLES if sample.name.startswith("js_")]
    assert [word for word in words if not any(word in name for name in names)] == []
