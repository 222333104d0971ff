"""What the simulated Envoy shows and takes as JSON:API."""

from typing import Any

import pytest

from envoy_plugin.simulator import resources as resources_module
from envoy_plugin.simulator.directory import build_directory
from envoy_plugin.simulator.payloads import build_webhook
from envoy_plugin.simulator.resource_routes import TYPES
from envoy_plugin.simulator.resources import Question, Resources
from tests.unit.simulator.conftest import Envoy, MovableClock

API = "application/vnd.api+json"
INVITE = {
    "type": "invites",
    "attributes": {"full-name": "Bo Guest", "email": "bo@example.com"},
    "relationships": {"location": {"data": {"type": "locations", "id": "31"}}},
}


async def asked(envoy: Envoy, path: str, status: int = 200) -> dict[str, Any]:
    """The answer to a GET under /api."""
    answer = await envoy.client.get(f"/api/{path}", headers={**envoy.bearer, "Content-Type": API, "Accept": API})
    assert answer.status == status, await answer.text()
    assert status != 200 or answer.content_type == API
    return dict(await answer.json())


async def sent(envoy: Envoy, method: str, path: str, data: object = None) -> tuple[int, dict[str, Any]]:
    body = None if data is None else {"data": data}
    answer = await envoy.client.request(method, path, headers=envoy.bearer, json=body)
    return answer.status, {} if answer.status == 204 else (await answer.json())


def ids(document: dict[str, Any]) -> list[str]:
    return [resource["id"] for resource in document["data"]]


async def test_me_is_the_user_of_the_webhooks(envoy: Envoy) -> None:
    me = (await asked(envoy, "v2/users/me?include=company"))["data"]
    assert (me["id"], me["type"], "@" in me["attributes"]["email"]) == ("70", "users", True)


@pytest.mark.parametrize("kind", TYPES)
async def test_every_type_is_listed_and_shown_one_by_one(envoy: Envoy, kind: str) -> None:
    listed = await asked(envoy, f"v3/{kind}?page[limit]=1")
    (resource,) = listed["data"]
    assert (resource["type"], set(resource)) == (kind, {"id", "type", "attributes", "relationships"})
    assert (await asked(envoy, f"v3/{kind}/{resource['id']}"))["data"] == resource
    assert listed["meta"]["total"] >= 1


async def test_what_events_speak_of_is_there(envoy: Envoy) -> None:
    for seed in range(20):
        payload = build_webhook("invite_created", seed=seed).document["payload"]
        for name in ("location", "flow", "employee"):
            target = payload["relationships"][name]["data"]
            await asked(envoy, f"v3/{target['type']}/{target['id']}")


async def test_every_relationship_leads_somewhere() -> None:
    known = {(resource["type"], resource["id"]): resource for resource in build_directory()}
    for resource in known.values():
        for relationship in resource["relationships"].values():
            data = relationship["data"]
            assert all((one["type"], one["id"]) in known for one in (data if isinstance(data, list) else [data]))


async def test_what_is_included_stands_beside_once(envoy: Envoy) -> None:
    document = await asked(envoy, "v3/flows?include=location.company,sign-in-field-page")
    kinds = sorted(resource["type"] for resource in document["included"])
    assert kinds == ["companies", *["locations"] * 5, *["sign-in-field-pages"] * 20]
    one = await asked(envoy, "v3/flows/5?include=location")
    assert [resource["id"] for resource in one["included"]] == ["31"]
    assert "included" not in await asked(envoy, "v3/flows/5")


@pytest.mark.parametrize(
    "query",
    [
        "flows?filter[location]=31&filter[enabled]=true&page[offset]=1&page[limit]=2&sort=-name",
        "flows?filter%5Blocation%5D=31&filter%5Benabled%5D=true&page%5Boffset%5D=1&page%5Blimit%5D=2&sort=-name",
    ],
)
async def test_filters_an_order_and_a_page_at_once(envoy: Envoy, query: str) -> None:
    document = await asked(envoy, f"v3/{query}")
    assert [flow["attributes"]["name"] for flow in document["data"]] == ["Interview", "Guest"]
    assert document["meta"] == {"total": 4}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("employees?filter[email]=hugo.host@example.com&page[limit]=1", ["7"]),
        ("employees?filter[email]=HUGO.host@example.com", ["7"]),
        ("employees?filter[email]=hugo.host+x@example.com", []),
        ("employees?filter[query]=Hugo&sort=name", ["7", "19", "31"]),
        ("employees?filter[locations]=31&filter[name]=hugo", ["7"]),
        (
            "employees?filter[exclude-locations]=31,32,33,34&filter[except]=11,16,21,26,31,36&filter[deleted]=false",
            ["41"],
        ),
        ("employees?filter[company]=12&filter[exclude-hidden]=true&page[limit]=2&sort=created_at", ["7", "8"]),
        ("employees?filter[company]=99", []),
        ("flows?filter[location]=1&filter[enabled]=true", []),
        ("locations?filter[disabled]=true", []),
        ("invites?filter[date-from]=2026-11-22&filter[date-to]=2026-11-23", ["2", "3"]),
        ("invites?filter[for-date]=2026-11-21", ["1"]),
        ("invites?filter[datetime-to]=2026-11-21T09:00:00Z&filter[scope]=mine", ["1"]),
        ("invites?filter[datetime-from]=2026-11-21T09:00:01Z&page[limit]=1", ["2"]),
        ("invites?filter[employee]=7&filter[flow]=5", ["1"]),
        ("sign-in-field-pages/8/sign-in-fields", ["81", "82", "83"]),
        ("locations/31/flows", ["5", "6", "7", "8"]),
    ],
)
async def test_a_question_finds(envoy: Envoy, query: str, expected: list[str]) -> None:
    assert ids(await asked(envoy, f"v3/{query}")) == expected


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("v3/flows/99", 404),
        ("v3/teapots", 404),
        ("v3/users/70", 404),
        ("v3/locations/99/flows", 404),
        ("v3/flows?filter[colour]=red", 400),
        ("v3/flows?sort=colour", 400),
        ("v3/flows?include=teapot", 400),
        ("v3/flows/5?include=teapot", 400),
        ("v3/flows?page[limit]=0", 400),
        ("v3/flows?page[limit]=ten", 400),
        ("v3/flows?page[offset]=-1", 400),
        ("v3/invites?filter[for-date]=soon", 400),
    ],
)
async def test_a_question_without_an_answer_is_refused(envoy: Envoy, path: str, status: int) -> None:
    assert (await asked(envoy, path, status))["errors"][0]["status"] == str(status)


async def test_pages_are_turned_to_the_end(envoy: Envoy) -> None:
    seen: list[str] = []
    path: str | None = "/api/v3/employees?page[limit]=10&sort=name"
    while path is not None:
        document = await (await envoy.client.get(path, headers=envoy.bearer)).json()
        seen += ids(document)
        path = document["links"]["next"] and document["links"]["next"].partition("/api")[2]
        path = path and f"/api{path}"
    assert (len(seen), len(set(seen))) == (36, 36)


async def test_an_invite_lives_from_creation_to_removal(envoy: Envoy) -> None:
    status, document = await sent(envoy, "POST", "/api/v3/invites", INVITE)
    made, path = document["data"], f"/api/v3/invites/{document['data']['id']}"
    assert (status, made["attributes"]["full-name"], made["attributes"]["arrived"]) == (201, "Bo Guest", False)
    assert made["attributes"]["created-at"] == "2026-11-21T09:00:00.000Z"
    _, changed = await sent(envoy, "PATCH", path, {"id": made["id"], "attributes": {"phone": "+49"}})
    assert changed["data"]["attributes"]["full-name"] == "Bo Guest"
    _, replaced = await sent(envoy, "PUT", path, {"type": "invites", "id": made["id"], "attributes": {"phone": "+1"}})
    assert (replaced["data"]["attributes"]["full-name"], replaced["data"]["attributes"]["phone"]) == (None, "+1")
    assert replaced["data"]["relationships"] == INVITE["relationships"]
    assert (await sent(envoy, "DELETE", path))[0] == 204
    assert (await sent(envoy, "DELETE", path))[0] == 404


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"type": "entries"}, 409),
        ({"type": "invites", "id": "5"}, 409),
        ({"type": "invites", "attributes": []}, 422),
        ([], 422),
        (None, 422),
    ],
)
async def test_a_document_that_is_no_such_invite_is_refused(envoy: Envoy, data: object, status: int) -> None:
    before = await asked(envoy, "v3/invites/4")
    answer = await envoy.client.put("/api/v3/invites/4", json={"data": data}, headers=envoy.bearer)
    assert answer.status == status
    assert await asked(envoy, "v3/invites/4") == before


async def test_a_reservation_is_made_with_numbers_for_ids(envoy: Envoy) -> None:
    data = {
        "relationships": {"user": {"data": {"type": "users", "id": 3}}, "desk": None},
        "attributes": {"start-time": 1700000000, "booking-type": "visitor"},
    }
    status, document = await sent(envoy, "POST", "/a/rms/reservations", data)
    assert (status, document["data"]["type"]) == (201, "reservations")
    assert document["data"]["attributes"]["start-time"] == 1700000000
    envoy.bearer = {}
    assert (await sent(envoy, "POST", "/a/rms/reservations", data))[0] == 401


async def test_odd_relationships_lead_nowhere(envoy: Envoy) -> None:
    odd = {"location": 7, "flow": {"data": [7]}, "employee": {"data": {"type": "employees", "id": 7}}}
    _, document = await sent(envoy, "POST", "/api/v3/invites", {"attributes": None, "relationships": odd})
    shown = await asked(envoy, f"v3/invites/{document['data']['id']}?include=location,flow,employee")
    assert [resource["type"] for resource in shown["included"]] == ["employees"]


def test_the_oldest_of_a_type_are_forgotten(clock: MovableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources_module, "MAX_PER_TYPE", 3)
    assert Resources(clock).find("invites", Question(filters={})).total == 3
