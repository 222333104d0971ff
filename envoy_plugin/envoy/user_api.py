"""Envoy's API as a user: what the user who installed the plugin, or who agreed to it, may read and change.

Source: Node SDK 2.5.2, src/sdk/EnvoyUserAPI.ts; addresses as observed with it. Unlike there, queries are encoded, ids
stay one segment of the path, and an answer without data is no error.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from http import HTTPStatus
from typing import Final, NoReturn, Unpack

import aiohttp

from envoy_plugin.envoy.client import Document, EnvoyClient, Repeat, Request
from envoy_plugin.envoy.drafts import InviteDraft, ReservationDraft
from envoy_plugin.envoy.jsonapi import (
    PAGE_SIZE,
    Arrived,
    Include,
    Kind,
    Listing,
    Memory,
    include_query,
    included_names,
    listing_query,
    page_query,
    read_document,
    read_following,
)
from envoy_plugin.envoy.payloads import Invite
from envoy_plugin.envoy.resources import (
    Agreement,
    AgreementPage,
    Company,
    Employee,
    Flow,
    Location,
    Reservation,
    SignInField,
    SignInFieldPage,
    User,
)
from envoy_plugin.envoy.transport import Dropped
from envoy_plugin.errors import AuthFailed

ME: Final = "/api/v2/users/me"
RESERVATIONS: Final = "/a/rms/reservations"
INVITES: Final = "/api/v3/invites"
INVITE: Final = "/api/v3/invites/{invite_id}"
FIELDS_OF_PAGE: Final = "/api/v3/sign-in-field-pages/{page_id}/sign-in-fields"
BEARER: Final = re.compile(r"[\x21-\x7e]+")


class UserToken:
    """One token of a user's, which nothing renews."""

    def __init__(self, token: str) -> None:
        if not BEARER.fullmatch(token):
            raise AuthFailed("The user's token is empty, or no bearer token.")
        self._token = token

    async def get(self) -> str:
        """The token."""
        return self._token

    async def renew(self, rejected: str) -> NoReturn:
        """There is no other."""
        raise AuthFailed(
            "Envoy refused the user's token: it has ended, or was revoked.", status=HTTPStatus.UNAUTHORIZED
        )


class EnvoyUserAPI:
    """Calls to Envoy as a user; each takes at most `timeout`, and raises what `EnvoyClient.send` raises.

    A scope that the token lacks is an `ApiRefused`. What has been read is remembered for as long as this object lives,
    which is one delivery: the same resource with the same `include` is asked for once, and what came along is not asked
    for at all. A change forgets everything. `include` names relationships whose resources are to come along, and
    `related` leads to them: `flow.related("location", Location)`.

    Lists are read page by page, each resource once: `async for employee in api.get_employees(sort="name")`.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        token: str,
        timeout: timedelta = timedelta(seconds=10),
        backoff: timedelta = timedelta(milliseconds=200),
    ) -> None:
        """Call `base_url` (an origin) through `session` as the user of `token`.

        Raises:
            AuthFailed: `token` is no bearer token.
        """
        tokens = UserToken(token)
        self._client = EnvoyClient(session, base_url=base_url, tokens=tokens, timeout=timeout, backoff=backoff)
        self._memory = Memory()

    async def me(self) -> User:
        """The user."""
        return _first(User, read_document(await self._client.send(Request(method="GET", path=ME))))

    async def get_agreement(self, agreement_id: str, *, include: Include = ()) -> Agreement:
        """A document that visitors sign. Scope: `agreements.read`."""
        return await self._load(Agreement, "agreements", agreement_id, include)

    async def get_agreement_page(self, page_id: str, *, include: Include = ()) -> AgreementPage:
        """The page of a flow that shows its agreements."""
        return await self._load(AgreementPage, "agreement-pages", page_id, include)

    async def get_company(self, company_id: str, *, include: Include = ()) -> Company:
        """A customer. Scope: `companies.read`."""
        return await self._load(Company, "companies", company_id, include)

    async def get_employee(self, employee_id: str, *, include: Include = ()) -> Employee:
        """An employee. Scope: `employees.read`."""
        return await self._load(Employee, "employees", employee_id, include)

    async def get_flow(self, flow_id: str, *, include: Include = ()) -> Flow:
        """A kind of visit. Scope: `flows.read`."""
        return await self._load(Flow, "flows", flow_id, include)

    async def get_location(self, location_id: str, *, include: Include = ()) -> Location:
        """A place of the customer's. Scope: `locations.read`."""
        return await self._load(Location, "locations", location_id, include)

    async def get_sign_in_field(self, field_id: str, *, include: Include = ()) -> SignInField:
        """A question that visitors are asked. Scope: `sign-in-fields.read`."""
        return await self._load(SignInField, "sign-in-fields", field_id, include)

    async def get_sign_in_field_page(self, page_id: str, *, include: Include = ()) -> SignInFieldPage:
        """The page of a flow that asks its questions. Scope: `sign-in-field-pages.read`."""
        return await self._load(SignInFieldPage, "sign-in-field-pages", page_id, include)

    async def get_employee_by_email(self, email: str, *, include: Include = ()) -> Employee | None:
        """The employee with this e-mail address; None if there is none. Scope: `employees.read`."""
        query = (*include_query(include), ("filter[email]", email), ("page[limit]", "1"))
        request = Request(method="GET", path="/api/v3/employees", query=query)
        return next(iter((await self._read(request)).read(Employee)), None)

    def get_employees(self, **listing: Unpack[Listing]) -> AsyncIterator[Employee]:
        """Employees. Scope: `employees.read`. Filters: `name`, `email`, `query`, `locations`, `deleted` and others."""
        return self._list(Employee, "/api/v3/employees", listing)

    def get_flows(self, **listing: Unpack[Listing]) -> AsyncIterator[Flow]:
        """Kinds of visits. Scope: `flows.read`. Filters: `location`, `employee-centric`."""
        return self._list(Flow, "/api/v3/flows", listing)

    def get_invites(self, **listing: Unpack[Listing]) -> AsyncIterator[Invite]:
        """Invites. Scope: `invites.read`. Filters: `email`, `flow`, `location`, `date-from`, `date-to` and others."""
        return self._list(Invite, INVITES, listing)

    def get_locations(self, **listing: Unpack[Listing]) -> AsyncIterator[Location]:
        """Places of the customer's. Scope: `locations.read`. Filters: `company`, `disabled`."""
        return self._list(Location, "/api/v3/locations", listing)

    async def get_sign_in_fields(self, page_id: str) -> list[SignInField]:
        """The questions of a page, all at once. Scope: `sign-in-fields.read`."""
        request = Request(method="GET", path=FIELDS_OF_PAGE, ids={"page_id": page_id})
        return (await self._read(request)).read(SignInField)

    async def create_invite(self, invite: InviteDraft) -> Invite:
        """Invite somebody. Scope: `invites.write`. It is not sent again after a time-out or a broken connection."""
        request = Request(method="POST", path=INVITES, body={"data": invite.to_wire()}, repeat=Repeat.IF_REFUSED)
        return _first(Invite, read_document(await self._change(request)))

    async def update_invite(self, invite_id: str, invite: InviteDraft) -> Invite:
        """Replace an invite by `invite`. Scope: `invites.write`."""
        return await self._update("PUT", invite_id, invite)

    async def partial_update_invite(self, invite_id: str, invite: InviteDraft) -> Invite:
        """Change what `invite` gives, and nothing else. Scope: `invites.write`."""
        return await self._update("PATCH", invite_id, invite)

    async def remove_invite(self, invite_id: str) -> None:
        """Take an invite back. Scope: `invites.write`."""
        ids = {"invite_id": invite_id}
        await self._change(Request(method="DELETE", path=INVITE, ids=ids, repeat=Repeat.IF_REFUSED))

    async def create_reservation(self, reservation: ReservationDraft) -> Reservation:
        """Keep a desk. Scope: `reservations.write`. It is not sent again after a time-out or a broken connection."""
        body = {"data": reservation.to_wire()}
        request = Request(method="POST", path=RESERVATIONS, body=body, repeat=Repeat.IF_REFUSED)
        return _first(Reservation, read_document(await self._change(request)))

    async def _load(self, model: type[Kind], kind: str, resource_id: str, include: Include) -> Kind:
        """A resource by its id, from memory or from Envoy."""
        request = Request(
            method="GET", path=f"/api/v3/{kind}/{{id}}", ids={"id": resource_id}, query=tuple(include_query(include))
        )
        names = included_names(include)
        arrived = await self._memory.get(kind, resource_id, names, lambda: self._client.send(request))
        return _first(model, arrived)

    async def _list(self, model: type[Kind], path: str, listing: Listing) -> AsyncIterator[Kind]:
        """The resources of all pages, each once; a page that brings nothing new is the last, whatever it says."""
        seen: set[str] = set()
        async with aclosing(self._pages(path, listing)) as pages:
            async for page in pages:
                fresh = {one.id: one for one in page.read(model) if one.id not in seen}
                if not fresh:
                    return
                seen.update(fresh)
                for one in fresh.values():
                    yield one

    async def _pages(self, path: str, listing: Listing) -> AsyncGenerator[Arrived, None]:
        query, size = tuple(listing_query(listing)), listing.get("page_size", PAGE_SIZE)
        offset, link = listing.get("offset", 0), None
        while True:
            page = (*query, *page_query(offset, size))
            document = await self._client.send(Request(method="GET", path=path, query=page, link=link))
            arrived = read_document(document)
            self._memory.note(arrived)
            yield arrived
            offset += len(arrived.resources)
            following = read_following(document, seen=offset)
            if following.exists is False:
                return
            link = following.link

    async def _read(self, request: Request) -> Arrived:
        arrived = read_document(await self._client.send(request))
        self._memory.note(arrived)
        return arrived

    async def _update(self, method: str, invite_id: str, invite: InviteDraft) -> Invite:
        body = {"data": {**invite.to_wire(), "id": invite_id}}
        request = Request(method=method, path=INVITE, ids={"invite_id": invite_id}, body=body)
        changed = read_document(await self._change(request)).read(Invite)
        return changed[0] if changed else Invite(id=invite_id)

    async def _change(self, request: Request) -> Document:
        """Send what changes something, after which nothing that was read before counts."""
        try:
            return await self._client.send(request)
        finally:
            self._memory.clear()


def _first(model: type[Kind], arrived: Arrived) -> Kind:
    for one in arrived.read(model):
        return one
    raise Dropped(f"Envoy's answer holds no {model.__name__}.")
