"""What the simulated company is made of: locations, flows, sign-in pages, agreements, employees and invites.

The ids are those that the webhooks speak of: the locations of `SITES`, flow 5, employees 7 and 8, user 70, company 12.
It is the same in every run; nobody in here exists.

Source of the attributes: Node SDK 2.5.2, src/resources.
"""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from envoy_plugin.simulator.links import COMPANY_ID, USER_ID
from envoy_plugin.simulator.times import iso
from envoy_plugin.simulator.visitors import FLOWS, SITES, Site
from envoy_plugin.simulator.wire import Json, JsonObject

FIRST_FLOW_ID: Final = 5
FIRST_EMPLOYEE_ID: Final = 7
FIRST_PAGE_ID: Final = 8
LONG_AGO: Final = "2020-01-02T03:04:05.000Z"
FIRST_ARRIVAL: Final = datetime(2026, 11, 21, 9, tzinfo=UTC)
FIELDS: Final = (("Your full name", "text"), ("Purpose of visit", "single-selection"), ("Plate", "text"))
GUESTS: Final = ("Bo Guest", "Ada Example", "Zoë Krüger", "木村 さくら", "Łukasz Nowak", "Inês Duarte", "Tom O'Neill",
                 "Siân Lloyd", "Jürgen Groß", "Noor El-Amin", "Chloé Dubois", "Ana Sofia Reis")  # fmt: skip
EMPLOYEES: Final = ("Hugo Host", "Ines Intern", "Jörg Müller", "Marta Kowalska", "佐藤 健", "Olivia Chen", "Rui Costa",
                    "Petra Schäfer", "Samuel Okafor", "Aoife Byrne", "Diego Fernández", "Fatima Zahra")  # fmt: skip
PLACES: Final = ("Desk", "Lab", "Studio")
EMPLOYEE_COUNT: Final = 36


def build_directory() -> Iterator[JsonObject]:
    """Every resource of the company."""
    yield _resource("companies", COMPANY_ID, {"name": "Example Ltd", "active": True, **_times()})
    yield _resource("users", USER_ID, {"full-name": EMPLOYEES[0], "email": _email(EMPLOYEES[0])}, company=_company())
    for number, site in enumerate(SITES):
        yield _location(site)
        for position, name in enumerate(FLOWS):
            yield from _flow(str(FIRST_FLOW_ID + number * len(FLOWS) + position), name, site)
    for number in range(EMPLOYEE_COUNT):
        yield _employee(number)
    for number, guest in enumerate(GUESTS):
        yield _invite(number, guest)


def _resource(kind: str, resource_id: str, attributes: JsonObject, **relationships: Json) -> JsonObject:
    related = {name.replace("_", "-"): {"data": data} for name, data in relationships.items()}
    return {"id": resource_id, "type": kind, "attributes": attributes, "relationships": related}


def _link(kind: str, resource_id: str) -> JsonObject:
    return {"id": resource_id, "type": kind}


def _company() -> JsonObject:
    return _link("companies", COMPANY_ID)


def _times() -> JsonObject:
    return {"created-at": LONG_AGO, "updated-at": LONG_AGO}


def _email(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace("'", "")
    return f"{'.'.join(plain.split()) or f'u{sum(map(ord, name))}'}@example.com"


def _location(site: Site) -> JsonObject:
    attributes = {
        **site.attributes(),
        "capacity-limit": 120,
        "pre-registration-enabled": True,
        **_times(),
    }
    return _resource("locations", site.id, attributes, company=_company())


def _flow(flow_id: str, name: str, site: Site) -> Iterator[JsonObject]:
    """A flow with its two pages, the fields of one and the agreement of the other; ids follow from the flow's."""
    page_id = str(int(flow_id) - FIRST_FLOW_ID + FIRST_PAGE_ID)
    field_ids = [f"{page_id}{position}" for position, _ in enumerate(FIELDS, 1)]
    page, agreements = _link("sign-in-field-pages", page_id), _link("agreement-pages", page_id)
    flow = _link("flows", flow_id)
    attributes = {"name": name, "enabled": True, "employee-centric": False, **_times()}
    place = {"location": _link("locations", site.id)}
    yield _resource("flows", flow_id, attributes, **place, sign_in_field_page=page, agreement_page=agreements)
    fields = [_link("sign-in-fields", field_id) for field_id in field_ids]
    yield _resource("sign-in-field-pages", page_id, {"enabled": True, "position": 1}, flow=flow, sign_in_fields=fields)
    for position, (field_id, (label, kind)) in enumerate(zip(field_ids, FIELDS, strict=True), 1):
        yield _resource("sign-in-fields", field_id, _field(label, kind, position), sign_in_field_page=page)
    agreement = _link("agreements", page_id)
    yield _resource("agreement-pages", page_id, {"enabled": True, "position": 2}, flow=flow, agreements=[agreement])
    yield _resource("agreements", page_id, _agreement(), agreement_page=agreements)


def _field(label: str, kind: str, position: int) -> JsonObject:
    choices = ("Interview", "Meeting", "Delivery") if kind == "single-selection" else ()
    return {
        "name": label,
        "kind": kind,
        "required": position == 1,
        "identifier": label.lower().replace(" ", "-"),
        "ipad-localized-names": [],
        "options": [{"value": choice, "position": number} for number, choice in enumerate(choices, 1)],
        "position": position,
        "store-response": True,
        **_times(),
    }


def _agreement() -> JsonObject:
    return {
        "name": "Non-disclosure agreement",
        "optional": False,
        "require-resign": False,
        "body": "What you see here stays here.",
        "enabled": True,
        "position": 1,
        **_times(),
    }


def _employee(number: int) -> JsonObject:
    """The first twelve by their names, the others with a word behind it, so that there are pages to turn."""
    turn, place = divmod(number, len(EMPLOYEES))
    name = EMPLOYEES[place] if turn == 0 else f"{EMPLOYEES[place]} {PLACES[turn]}"
    attributes = {
        "name": name,
        "email": _email(name),
        "phone-number": f"+35191000{number:04d}",
        "profile-picture-url": None,
        "deleted": False,
        "manually-added": False,
        "company-id": COMPANY_ID,
        "deleted-at": None,
        **_times(),
    }
    site = SITES[number % len(SITES)]
    locations = [_link("locations", site.id)]
    return _resource("employees", str(FIRST_EMPLOYEE_ID + number), attributes, company=_company(), locations=locations)


def _invite(number: int, guest: str) -> JsonObject:
    site = SITES[number % len(SITES)]
    arrival = FIRST_ARRIVAL + timedelta(days=number, minutes=30 * number)
    said = {"full-name": guest, "email": _email(guest), "expected-arrival-time": iso(arrival)}
    return _resource(
        "invites",
        str(number + 1),
        invite_defaults() | said,
        location=_link("locations", site.id),
        flow=_link("flows", str(FIRST_FLOW_ID + SITES.index(site) * len(FLOWS))),
        employee=_link("employees", str(FIRST_EMPLOYEE_ID + number)),
        creator=_link("users", USER_ID),
    )


def invite_defaults() -> JsonObject:
    """What an invite has where nobody said otherwise."""
    return {
        "full-name": None,
        "email": None,
        "phone": None,
        "expected-arrival-time": None,
        "expected-departure-time": None,
        "private-notes": None,
        "user-data": {},
        "notify-visitor": True,
        "additional-guests": 0,
        "arrived": False,
        "attested": False,
        "is-presigned": False,
        "created-from": "api",
        "entry-signed-out-at": None,
        "reminder-sent-at": None,
        **_times(),
    }
