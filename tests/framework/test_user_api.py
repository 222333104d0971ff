"""Calls to Envoy as a user, over real HTTP: what is sent, what is made of the answer, what is asked only once."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from pydantic import ValidationError

from envoy_plugin.envoy.drafts import InviteDraft, ReservationDraft
from envoy_plugin.envoy.payloads import Invite
from envoy_plugin.envoy.resources import Agreement, Company, Employee, Flow, Location
from envoy_plugin.envoy.user_api import EnvoyUserAPI
from envoy_plugin.errors import ApiRefused, ApiUnavailable, AuthFailed
from tests.framework.scripted import Answers, Scripted, drop, scripted, status

Serve: TypeAlias = Callable[..., Awaitable[tuple[EnvoyUserAPI, Scripted]]]

TOKEN = "ut-1"
LOCATION = {"id": "31", "type": "locations", "attributes": {"name": "Harbour House"}}
COMPANY = {"id": 12, "type": "companies", "attributes": {"name": "Example Ltd"}}
FLOW = {
    "id": "5",
    "type": "flows",
    "attributes": {"name": "Visitor", "employee-centric": False},
    "relationships": {"location": {"data": {"id": 31, "type": "locations"}}},
}
INVITE = {"id": "4", "type": "invites", "attributes": {"full-name": "Bo Guest", "user-data": {"Plate": "AA"}}}


def data(resource: object, **beside: object) -> Answers:
    """Answers 200 with a JSON:API document."""
    return status(200, {"data": resource, **beside})


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a scripted Envoy and the API of a user who asks it: `api, envoy = await serve(data(…))`."""
    async with AsyncExitStack() as stack:

        async def start(*answers: Answers, token: str = TOKEN) -> tuple[EnvoyUserAPI, Scripted]:
            server = await stack.enter_async_context(scripted(*answers))
            backoff = timedelta(milliseconds=1)
            return EnvoyUserAPI(server.session, base_url=server.url, token=token, backoff=backoff), server

        yield start


GETS: list[tuple[Callable[[EnvoyUserAPI], Awaitable[Any]], str]] = [
    (lambda api: api.get_agreement("5", include="location"), "agreements"),
    (lambda api: api.get_agreement_page("5", include="location"), "agreement-pages"),
    (lambda api: api.get_company("5", include="location"), "companies"),
    (lambda api: api.get_employee("5", include="location"), "employees"),
    (lambda api: api.get_flow("5", include="location"), "flows"),
    (lambda api: api.get_location("5", include="location"), "locations"),
    (lambda api: api.get_sign_in_field("5", include="location"), "sign-in-fields"),
    (lambda api: api.get_sign_in_field_page("5", include="location"), "sign-in-field-pages"),
]


@pytest.mark.parametrize(("get", "kind"), GETS)
async def test_a_resource_is_asked_for_by_its_id(
    serve: Serve, get: Callable[[EnvoyUserAPI], Awaitable[Any]], kind: str
) -> None:
    api, envoy = await serve(data({"id": 5, "type": kind, "attributes": {"name": "x", "enabled": True}}))
    assert (await get(api)).id == "5"
    assert envoy.sent() == ("GET", f"/api/v3/{kind}/5?include=location", None)
    headers = envoy.asked[0].headers
    assert (headers["Authorization"], headers["Accept"]) == ("Bearer ut-1", "application/vnd.api+json")


async def test_the_user_is_asked_for(serve: Serve) -> None:
    api, envoy = await serve(data({"id": 70, "type": "users", "attributes": {"name": "Hugo", "email": "h@x.example"}}))
    user = await api.me()
    assert (user.id, user.name, user.email) == ("70", "Hugo", "h@x.example")
    assert envoy.sent() == ("GET", "/api/v2/users/me", None)


async def test_what_came_along_is_led_to_by_its_relationship(serve: Serve) -> None:
    location = LOCATION | {"relationships": {"company": {"data": {"id": "12", "type": "companies"}}}}
    api, _ = await serve(data(FLOW, included=[location, COMPANY]))
    flow = await api.get_flow("5", include=["location", "location.company"])
    found = flow.related("location", Location)
    assert found is not None
    assert (flow.location_id, found.id, found.name) == ("31", "31", "Harbour House")
    company = found.related("company", Company)
    assert company is not None
    assert company.name == "Example Ltd"


async def test_a_relationship_to_many_is_led_to_in_its_order(serve: Serve) -> None:
    page = {
        "id": "1",
        "type": "agreement-pages",
        "relationships": {"agreements": {"data": [{"id": n, "type": "agreements"} for n in ("3", "2", "9")]}},
    }
    along = [{"id": n, "type": "agreements", "attributes": {"name": f"nda {n}"}} for n in ("2", "3")]
    api, _ = await serve(data(page, included=along))
    found = await api.get_agreement_page("1", include="agreements")
    assert [one.name for one in found.related_all("agreements", Agreement)] == ["nda 3", "nda 2"]


@pytest.mark.parametrize("included", [None, [], [COMPANY], "x", [3]])
async def test_what_did_not_come_along_is_none(serve: Serve, included: object) -> None:
    api, _ = await serve(data(FLOW, included=included))
    flow = await api.get_flow("5")
    assert (flow.related("location", Location), flow.related_all("sign_in_field_page", Flow)) == (None, ())


async def test_a_relationships_own_name_for_a_type_leads_to_it_too(serve: Serve) -> None:
    screening = {"id": "8", "type": "employee-screening-flows", "attributes": {"name": "Health"}}
    target = {"employee-screening-flow": {"data": {"id": "8", "type": "flows"}}}
    api, envoy = await serve(data(LOCATION | {"relationships": target}, included=[screening]))
    location = await api.get_location("31", include="employee-screening-flow")
    flow = location.related("employee_screening_flow", Flow)
    assert flow is not None
    assert (flow.name, (await api.get_flow("8")).name, len(envoy.asked)) == ("Health", "Health", 1)


async def test_asked_again_with_include_the_answer_is_not_a_stale_copy(serve: Serve) -> None:
    api, envoy = await serve(data(FLOW), data(FLOW, included=[LOCATION]))
    assert (await api.get_flow("5")).related("location", Location) is None
    for _ in range(2):
        assert (await api.get_flow("5", include="location")).related("location", Location) is not None
    assert len(envoy.asked) == 2


async def test_the_same_resource_asked_for_at_once_is_fetched_once(serve: Serve) -> None:
    api, envoy = await serve(data(FLOW))
    flows = await asyncio.gather(*(api.get_flow("5") for _ in range(5)))
    assert {flow.name for flow in flows} == {"Visitor"}
    assert len(envoy.asked) == 1


async def test_what_came_along_or_in_a_list_is_not_fetched_again(serve: Serve) -> None:
    api, envoy = await serve(data(FLOW, included=[LOCATION]), data([COMPANY], meta={"total": 1}))
    await api.get_flow("5", include="location")
    assert (await api.get_location("31")).name == "Harbour House"
    assert (await api.get_flow("5")).name == "Visitor"
    assert [one.id async for one in api.get_employees()] == ["12"]
    assert (await api.get_company("12")).name == "Example Ltd"
    assert len(envoy.asked) == 2


async def test_a_failure_is_not_remembered(serve: Serve) -> None:
    api, _ = await serve(status(404), data(FLOW))
    with pytest.raises(ApiRefused):
        await api.get_flow("5")
    assert (await api.get_flow("5")).name == "Visitor"


async def test_a_change_forgets_what_was_read_before(serve: Serve) -> None:
    api, envoy = await serve(data(FLOW), status(204), data(FLOW))
    await api.get_flow("5")
    await api.remove_invite("4")
    await api.get_flow("5")
    assert len(envoy.asked) == 3


async def test_no_more_than_so_much_is_remembered(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envoy_plugin.envoy.jsonapi.REMEMBERED", 1)
    api, envoy = await serve(data(FLOW), data(LOCATION), data(FLOW))
    await api.get_flow("5")
    await api.get_location("31")
    await api.get_flow("5")
    assert len(envoy.asked) == 3


async def test_a_query_is_encoded(serve: Serve) -> None:
    api, envoy = await serve(data([{"id": 7, "type": "employees", "attributes": {"email": "ann+x@example.com"}}]))
    found = await api.get_employee_by_email("ann+x@example.com&filter[deleted]=true", include="company")
    assert found is not None
    assert found.email == "ann+x@example.com"
    path, _, query = envoy.asked[0].raw_path.partition("?")
    assert path == "/api/v3/employees"
    assert parse_qsl(query) == [
        ("include", "company"),
        ("filter[email]", "ann+x@example.com&filter[deleted]=true"),
        ("page[limit]", "1"),
    ]
    assert "ann%2Bx%40example.com%26" in query


@pytest.mark.parametrize("answer", [data([]), status(204), status(200, {})])
async def test_an_employee_who_is_not_there_is_none(serve: Serve, answer: Answers) -> None:
    api, _ = await serve(answer)
    assert await api.get_employee_by_email("nobody@example.com") is None


@pytest.mark.parametrize(
    ("resource_id", "segment"), [("../invites/1?", "..%2Finvites%2F1%3F"), ("a b", "a%20b"), ("5#", "5%23")]
)
async def test_an_id_stays_one_segment(serve: Serve, resource_id: str, segment: str) -> None:
    api, envoy = await serve(data(FLOW))
    await api.get_flow(resource_id)
    assert envoy.asked[0].raw_path == f"/api/v3/flows/{segment}"
    with pytest.raises(ApiRefused):
        await api.remove_invite("..")


def employees(first: int, count: int, **beside: object) -> Answers:
    """A page of employees with the ids from `first` on."""
    return data([{"id": n, "type": "employees"} for n in range(first, first + count)], **beside)


async def ids(found: AsyncIterator[Any]) -> list[str]:
    return [one.id async for one in found]


async def test_pages_are_read_until_one_brings_nothing_new(serve: Serve) -> None:
    api, envoy = await serve(employees(1, 2), employees(3, 2), employees(5, 1), data([]))
    wish: Any = {"name": "Ann & Co", "exclude-hidden": True, "locations": [31, 32]}
    found = api.get_employees(filters=wish, sort="-name", include="company", offset=0, page_size=2)
    assert await ids(found) == ["1", "2", "3", "4", "5"]
    queries = [parse_qsl(request.raw_path.partition("?")[2]) for request in envoy.asked]
    assert queries[0] == [
        ("include", "company"),
        ("filter[name]", "Ann & Co"),
        ("filter[exclude-hidden]", "true"),
        ("filter[locations][]", "31"),
        ("filter[locations][]", "32"),
        ("sort", "-name"),
        ("page[offset]", "0"),
        ("page[limit]", "2"),
    ]
    assert [dict(query)["page[offset]"] for query in queries] == ["0", "2", "4", "5"]


LISTS: list[tuple[Callable[[EnvoyUserAPI], AsyncIterator[Any]], str]] = [
    (lambda api: api.get_employees(), "employees"),
    (lambda api: api.get_flows(), "flows"),
    (lambda api: api.get_invites(), "invites"),
    (lambda api: api.get_locations(), "locations"),
]


@pytest.mark.parametrize(("get", "kind"), LISTS)
async def test_a_list_that_says_its_total_is_asked_for_no_more_than_needed(
    serve: Serve, get: Callable[[EnvoyUserAPI], AsyncIterator[Any]], kind: str
) -> None:
    api, envoy = await serve(data([{"id": 1, "type": kind}], meta={"total": 1}))
    assert await ids(get(api)) == ["1"]
    assert [request.path for request in envoy.asked] == [f"/api/v3/{kind}"]


@pytest.mark.parametrize("form", [str, lambda link: {"href": link}])
async def test_the_link_to_the_next_page_is_followed(serve: Serve, form: Callable[[str], object]) -> None:
    link = "/api/v3/employees?page%5Bafter%5D=a%2Bb"
    api, envoy = await serve(employees(1, 1, links={"next": form(link)}), employees(2, 1, links={"next": None}))
    assert await ids(api.get_employees()) == ["1", "2"]
    assert [request.raw_path for request in envoy.asked][1:] == [link]


@pytest.mark.parametrize("link", ["http://127.0.0.2:1/x", "//evil.example/x", "http://[x", "ftp://x/"])
async def test_a_link_to_another_origin_is_not_followed(serve: Serve, link: str) -> None:
    api, envoy = await serve(employees(1, 1, links={"next": link}))
    with pytest.raises(ApiRefused, match="another origin"):
        await ids(api.get_employees())
    assert len(envoy.asked) == 1


async def test_a_link_that_brings_credentials_is_not_followed(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        links = {"next": f"http://canary:pass@{request.host}/x"}
        return web.json_response({"data": [{"id": 1, "type": "employees"}], "links": links})

    api, envoy = await serve(answer)
    with pytest.raises(ApiRefused, match="another origin"):
        await ids(api.get_employees())
    assert len(envoy.asked) == 1


@pytest.mark.parametrize("beside", [{}, {"links": {"next": "/api/v3/employees"}}, {"links": {"self": "/x"}}])
async def test_a_list_that_repeats_itself_ends(serve: Serve, beside: dict[str, object]) -> None:
    api, envoy = await serve(employees(1, 2, **beside))
    assert await ids(api.get_employees()) == ["1", "2"]
    assert len(envoy.asked) == 2


async def test_no_page_is_asked_for_that_nobody_reads(serve: Serve) -> None:
    api, envoy = await serve(employees(1, 2), employees(3, 2))
    async for employee in api.get_employees():
        assert isinstance(employee, Employee)
        break
    assert len(envoy.asked) == 1


async def test_the_fields_of_a_page_come_at_once(serve: Serve) -> None:
    field = {
        "id": 3,
        "type": "sign-in-fields",
        "attributes": {"name": "Plate", "kind": "text", "options": [{"value": "a", "position": 0}]},
    }
    api, envoy = await serve(data([field]))
    (found,) = await api.get_sign_in_fields("8")
    assert (found.name, found.options[0].value) == ("Plate", "a")
    assert envoy.sent() == ("GET", "/api/v3/sign-in-field-pages/8/sign-in-fields", None)


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DRAFT = InviteDraft(full_name="Bo Guest", expected_arrival_time=NOON, user_data={"Plate": None}, location_id="1")
WIRE = {
    "type": "invites",
    "attributes": {
        "full-name": "Bo Guest",
        "expected-arrival-time": "2026-11-22T12:00:00Z",
        "user-data": {"Plate": None},
    },
    "relationships": {"location": {"data": {"type": "locations", "id": "1"}}},
}


async def test_an_invite_is_created(serve: Serve) -> None:
    api, envoy = await serve(status(201, {"data": INVITE}))
    invite = await api.create_invite(DRAFT)
    assert (invite.id, invite.full_name, invite.user_data["Plate"]) == ("4", "Bo Guest", "AA")
    assert envoy.sent() == ("POST", "/api/v3/invites", {"data": WIRE})


async def test_an_invite_is_never_created_twice(serve: Serve) -> None:
    api, envoy = await serve(drop, data(INVITE))
    with pytest.raises(ApiUnavailable):
        await api.create_invite(DRAFT)
    assert len(envoy.asked) == 1


async def test_an_invite_is_replaced_or_changed(serve: Serve) -> None:
    api, envoy = await serve(data(INVITE))
    assert (await api.update_invite("4", DRAFT)).full_name == "Bo Guest"
    assert envoy.sent() == ("PUT", "/api/v3/invites/4", {"data": {**WIRE, "id": "4"}})
    await api.partial_update_invite("4", InviteDraft(private_notes=None, flow_id=None))
    cleared = {
        "type": "invites",
        "attributes": {"private-notes": None},
        "relationships": {"flow": {"data": None}},
        "id": "4",
    }
    assert envoy.sent() == ("PATCH", "/api/v3/invites/4", {"data": cleared})


@pytest.mark.parametrize("answer", [status(204), status(200, {}), data(INVITE)])
async def test_an_invite_is_removed_and_changed_whatever_the_answer_holds(serve: Serve, answer: Answers) -> None:
    api, envoy = await serve(answer)
    await api.remove_invite("4")
    assert envoy.sent() == ("DELETE", "/api/v3/invites/4", None)
    assert (await api.update_invite("4", InviteDraft(full_name="Bo"))).id == "4"
    assert envoy.sent()[2] == {"data": {"type": "invites", "attributes": {"full-name": "Bo"}, "id": "4"}}


async def test_an_answer_without_what_was_made_says_so(serve: Serve) -> None:
    api, _ = await serve(status(201, {}))
    with pytest.raises(ApiUnavailable, match="no Invite"):
        await api.create_invite(DRAFT)


async def test_a_reservation_is_sent_as_by_envoys_own_sdk(serve: Serve) -> None:
    api, envoy = await serve(data({"id": 9, "type": "reservations", "attributes": {"start-time": 1700000000}}))
    start = datetime.fromtimestamp(1700000000, UTC)
    end = start + timedelta(hours=1)
    kept = await api.create_reservation(ReservationDraft(user_id=3, start_time=start, end_time=end, location_id=1))
    assert (kept.id, kept.start_time) == ("9", start)
    relationships = {
        "user": {"data": {"type": "users", "id": 3}},
        "location": {"data": {"type": "locations", "id": 1}},
    }
    attributes = {
        "start-time": 1700000000,
        "end-time": 1700003600,
        "booking-source": "EXTERNAL_API",
        "booking-type": "visitor",
    }
    wire = {"data": {"relationships": relationships, "attributes": attributes}}
    assert envoy.sent() == ("POST", "/a/rms/reservations", wire)


def test_a_reservation_keeps_desk_invite_entry_and_auto_assign() -> None:
    draft = ReservationDraft(user_id=3, desk_id=4, invite_id="5", entry_id=6, auto_assign_desk=False, end_time=None)
    wire: Any = draft.to_wire()
    assert {name: one["data"] for name, one in wire["relationships"].items()} == {
        "user": {"type": "users", "id": 3},
        "desk": {"type": "desks", "id": 4},
        "invite": {"type": "invites", "id": "5"},
        "entry": {"type": "entries", "id": 6},
    }
    assert wire["attributes"] == {"booking-source": "EXTERNAL_API", "booking-type": "visitor"}
    assert wire["meta"] == {"autoAssignDesk": False}


def test_a_draft_refuses_what_it_does_not_know_and_times_without_zone() -> None:
    for wrong in ({"fullname": "canary"}, {"expected_arrival_time": datetime(2026, 1, 1)}):  # noqa: DTZ001 - the fault
        with pytest.raises(ValidationError) as caught:
            InviteDraft.model_validate(wrong)
        assert "canary" not in str(caught.value)


def test_a_draft_shows_ids_alone() -> None:
    assert repr(DRAFT) == "InviteDraft(location_id='1')"


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "é"])
async def test_what_is_no_bearer_token_is_refused_before_any_call(serve: Serve, token: str) -> None:
    with pytest.raises(AuthFailed, match="no bearer token"):
        await serve(data(FLOW), token=token)


async def test_a_users_token_that_envoy_refuses_ends_the_call(serve: Serve) -> None:
    api, envoy = await serve(status(401))
    with pytest.raises(AuthFailed, match="it has ended") as caught:
        await api.me()
    assert (caught.value.status, len(envoy.asked)) == (401, 1)
    assert "ut-1" not in str(caught.value)


async def test_a_missing_scope_is_a_refusal(serve: Serve) -> None:
    api, _ = await serve(status(403))
    with pytest.raises(ApiRefused) as caught:
        await api.me()
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "resource", [None, "canary", {"id": None}, {"id": "1", "attributes": {"created-at": "canary"}}, [[]]]
)
async def test_an_answer_that_cannot_be_read_is_named_and_not_shown(serve: Serve, resource: object) -> None:
    api, _ = await serve(data(resource))
    with pytest.raises(ApiUnavailable) as caught:
        await api.get_flow("5")
    assert "canary" not in str(caught.value)


async def test_what_came_along_and_cannot_be_read_is_named(serve: Serve) -> None:
    api, _ = await serve(data(FLOW, included=[{"id": "31", "type": "locations", "attributes": {"latitude": "canary"}}]))
    flow = await api.get_flow("5", include="location")
    with pytest.raises(ApiUnavailable, match=r"data\.latitude") as caught:
        flow.related("location", Location)
    assert "canary" not in str(caught.value)


async def test_errors_and_reprs_hold_no_filter_and_no_visitor(serve: Serve) -> None:
    api, _ = await serve(status(404, {"errors": [{"detail": "canary"}]}))
    with pytest.raises(ApiRefused) as caught:
        await ids(api.get_invites(filters={"email": "canary@example.com"}))
    assert str(caught.value) == "GET /api/v3/invites: Envoy answered 404."
    assert "Bo" not in repr(Invite.read(json.loads(json.dumps(INVITE)), {}))
