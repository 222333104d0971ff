"""The `meta` of a webhook: which event or route, of which install, at which place.

Source: developers.envoy.com, "Webhooks"; Node SDK 2.5.2, src/sdk/EnvoyMeta.ts.
"""

from typing import Final

from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.links import COMPANY_ID, link, resource
from envoy_plugin.simulator.visitors import Site, Visit
from envoy_plugin.simulator.wire import JsonObject

LONG_AGO: Final = "2020-01-02 03:04:05 UTC"
USER_TOKEN_SECONDS: Final = 86_400


def event_meta(
    event: str, visit: Visit, *, subject: str, install_id: str, job_id: str, config: JsonObject
) -> JsonObject:
    """The `meta` of an event; `subject` is what the job is about, as `entry:9001`."""
    job = {"id": job_id, "name": event, "identifier": f"vr:{subject}"}
    return {"event": event, **_install(install_id, config), "job": job, **_place(visit)}


def route_meta(route: str, visit: Visit, *, install_id: str, params: JsonObject, config: JsonObject) -> JsonObject:
    """The `meta` of a route: a setup step asks something for the user at the dashboard."""
    return {
        "route": route,
        **_install(install_id, config),
        "params": params,
        **_place(visit),
        "forwarded_bearer_token": f"ut-{visit.token}",
    }


def _install(install_id: str, config: JsonObject) -> JsonObject:
    return {
        "plugin_id": defaults.PLUGIN_ID,
        "install_id": install_id,
        "config": config,
        # The old name of `config`, which Envoy's example plugin still reads.
        "env": dict(config),
    }


def _place(visit: Visit) -> JsonObject:
    company = {"name": "Example Ltd", "active": True, "created-at": LONG_AGO}
    return {
        "location": _location(visit.site),
        "company": resource(COMPANY_ID, "companies", company),
        "zone": _zone(visit.site),
        "auth": _auth(visit),
    }


def _location(site: Site) -> JsonObject:
    attributes = {
        "name": site.name,
        "company-name-override": None,
        "time-zone": site.time_zone,
        "timezone": site.time_zone,
        "locale": site.language[:2],
        "address": f"{site.street}, {site.city}",
        "address-line-one": site.street,
        "address-line-two": None,
        "city": site.city,
        "state": site.state,
        "country": site.country,
        "zip": site.zip,
        "longitude": site.longitude,
        "latitude": site.latitude,
        "created-at": LONG_AGO,
    }
    return resource(site.id, "locations", attributes) | {"relationships": {"company": link(COMPANY_ID, "companies")}}


def _zone(site: Site) -> JsonObject:
    attributes = {
        "address": f"{site.street}, {site.city}",
        "logo-url": None,
        "name": site.name,
        "time-zone": site.time_zone,
    }
    return resource(f"2{site.id}", "zones", attributes)


def _auth(visit: Visit) -> JsonObject:
    return {
        "token_type": "Bearer",
        "access_token": f"ut-{visit.token}",
        "expires_in": USER_TOKEN_SECONDS,
        "refresh_token": None,
        "refresh_token_expires_in": None,
        "state": None,
        "company_id": COMPANY_ID,
    }
