"""The payloads of everything that isn't a visit: locations, takeovers, desks, tickets, notifications.

Sources: Node SDK 2.5.2, src/resources/LocationResource.ts, src/payloads/TakeoverPayload.ts and NotificationPayload.ts.
What `desk_sign_in` and `ticket_created` carry isn't documented: here it is a resource with the obvious attributes.
"""

from datetime import timedelta

from envoy_plugin.simulator.links import COMPANY_ID, EMPLOYEE_ID, USER_ID, link, resource
from envoy_plugin.simulator.meta import LONG_AGO
from envoy_plugin.simulator.times import sql
from envoy_plugin.simulator.visitors import Visit
from envoy_plugin.simulator.wire import JsonObject


def location(_: str, visit: Visit) -> JsonObject:
    """A location whose capacity has changed."""
    site = visit.site
    attributes = {
        **site.attributes(),
        "capacity-limit": 40 + visit.seed % 100,
        "created-at": LONG_AGO,
        "updated-at": sql(visit.signed_in_at),
    }
    made = resource(site.id, "locations", attributes)
    return made | {"relationships": {"company": link(COMPANY_ID, "companies")}}


def takeover(event: str, visit: Visit) -> JsonObject:
    """A message that takes over every screen of a location; its times are seconds since 1970."""
    ended = event.endswith("ended")
    attributes = {
        "metadata": {
            "title": "Drill",
            "message": "Leave by the stairs",
            "created_at": sql(visit.invited_at),
            "type": "critical" if visit.seed % 2 else "normal",
        },
        "start-at": int(visit.signed_in_at.timestamp()),
        "end-at": int(visit.signed_out_at.timestamp()) if ended else None,
    }
    places = {"location": link(visit.site.id, "locations"), "company": link(COMPANY_ID, "companies")}
    return resource(visit.entry_id, "takeovers", attributes) | {"relationships": places}


def desk_reservation(_: str, visit: Visit) -> JsonObject:
    """A desk that somebody has reserved and now sits at."""
    attributes = {
        "desk-name": f"{visit.site.city} {visit.seed % 90 + 10}",
        "email": visit.host.email,
        "start-at": sql(visit.signed_in_at),
        "end-at": sql(visit.signed_in_at + timedelta(hours=8)),
        "checked-in-at": sql(visit.signed_in_at),
    }
    people = {"employee": link(EMPLOYEE_ID, "employees"), "location": link(visit.site.id, "locations")}
    return resource(visit.entry_id, "reservations", attributes) | {"relationships": people}


def ticket(_: str, visit: Visit) -> JsonObject:
    """A fault in the building that somebody has reported."""
    attributes = {
        "title": "The door doesn't close",
        "description": f"Seen by {visit.host.name}",
        "status": "open",
        "created-at": sql(visit.signed_in_at),
    }
    people = {"creator": link(USER_ID, "users"), "location": link(visit.site.id, "locations")}
    return resource(visit.entry_id, "tickets", attributes) | {"relationships": people}


def notification(_: str, visit: Visit) -> JsonObject:
    """A message to a host, which the plugin is to deliver its own way; snake_case, and no JSON:API."""
    text = f"{visit.visitor.name} is here"
    address = f"https://files.example/{visit.entry_id}"
    return {
        "recipient": {
            "name": {"full": visit.host.name},
            "email": visit.host.email,
            "user_id": int(USER_ID),
            "employee_id": int(EMPLOYEE_ID),
            "phone_number": visit.host.phone,
        },
        "message": text,
        "details": [{"label": "Visitor", "value": visit.visitor.name}, {"label": "Plate", "value": visit.plate}],
        "actions": [{"label": "On my way", "callback_url": f"{address}/on-my-way"}],
        "attachments": [{"url": f"{address}.png"}],
        "channel_overrides": {
            "slack": {"dm_only": True, "text": text},
            "email": {"from": "envoy@example.com", "subject": text, "html_body": f"<p>{text}</p>", "text_body": text},
        },
    }
