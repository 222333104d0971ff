"""What Envoy keeps beside visits: locations, companies, flows, employees and the like.

They come with webhooks (`meta.location`), as payloads (`location_capacity_updated`), and from the API. Every field but
the id may be missing. Times are aware UTC; `*_id` and `*_ids` are ids of related resources.

Source: Node SDK 2.5.2, src/resources/ and src/sdk/EnvoyMeta.ts.
"""

from typing import Any

from pydantic import model_validator

from envoy_plugin.envoy.wire import Moment, Resource, Time, Wire, flatten


class Location(Resource):
    """A place of the customer's, to which an install may belong."""

    name: str | None = None
    company_name_override: str | None = None
    timezone: str | None = None
    time_zone: str | None = None
    locale: str | None = None
    address: str | None = None
    address_line_one: str | None = None
    """Also where Envoy calls it `address-line-1`, as it does outside of `meta`."""
    address_line_two: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    zip: str | None = None
    longitude: float | None = None
    latitude: float | None = None
    logo_url: str | None = None
    logo_small_url: str | None = None
    logo_thumb_url: str | None = None
    disabled: bool | None = None
    capacity_limit: int | None = None
    """How many people may be there at once."""
    average_monthly_visitors: int | None = None
    registration_eligibility_start_offset: int | None = None
    registration_eligibility_end_offset: int | None = None
    visitor_registration_eligibility_start_offset: int | None = None
    welcome_email_preference: str | None = None
    visitors_onboarding_complete: bool | None = None
    auto_sign_out_at_midnight: bool | None = None
    employee_screening_enabled: bool | None = None
    pre_registration_enabled: bool | None = None
    pre_registration_required_enabled: bool | None = None
    host_approval_enabled: bool | None = None
    multiple_languages_enabled: bool | None = None
    near_visit_screening_enabled: bool | None = None
    printer_notifications_enabled: bool | None = None
    security_desk_link_enabled: bool | None = None
    touchless_signin_enabled: bool | None = None
    visitor_survey_enabled: bool | None = None
    visual_compliance_enabled: bool | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    company_id: str | None = None
    employee_screening_flow_id: str | None = None
    employee_ids: tuple[str, ...] = ()
    flow_ids: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _lines_by_word(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        flat = flatten(value)
        for number, word in (("1", "one"), ("2", "two")):
            flat.setdefault(f"address_line_{word}", flat.pop(f"address_line_{number}", None))
        return flat


class Company(Resource):
    """The customer."""

    name: str | None = None
    active: bool | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    location_ids: tuple[str, ...] = ()


class Zone(Resource):
    """A part of a property with several tenants."""

    name: str | None = None
    address: str | None = None
    logo_url: str | None = None
    time_zone: str | None = None


class Employee(Resource):
    """Somebody who works for the customer."""

    name: str | None = None
    email: str | None = None
    phone_number: str | None = None
    profile_picture_url: str | None = None
    deleted: bool | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    deleted_at: Time | None = None
    company_id: str | None = None
    location_ids: tuple[str, ...] = ()


class Flow(Resource):
    """A kind of visit, as "Visitor" or "Interview", with its own sign-in."""

    name: str | None = None
    employee_centric: bool | None = None
    enabled: bool | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    location_id: str | None = None
    sign_in_field_page_id: str | None = None
    agreement_page_id: str | None = None


class AgreementPage(Resource):
    """The page of a flow that shows its agreements."""

    enabled: bool | None = None
    position: int | None = None
    flow_id: str | None = None
    agreement_ids: tuple[str, ...] = ()


class Agreement(Resource):
    """A document that visitors sign."""

    name: str | None = None
    optional: bool | None = None
    require_resign: bool | None = None
    body: str | None = None
    video_url: str | None = None
    enabled: bool | None = None
    position: int | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    agreement_page_id: str | None = None


class SignInFieldPage(Resource):
    """The page of a flow that asks visitors its questions."""

    enabled: bool | None = None
    position: int | None = None
    flow_id: str | None = None
    sign_in_field_ids: tuple[str, ...] = ()
    actionable_sign_in_field_ids: tuple[str, ...] = ()
    sign_in_field_action_ids: tuple[str, ...] = ()
    actionable_sign_in_field_action_ids: tuple[str, ...] = ()


class FieldOption(Wire):
    """One of the answers that a sign-in field offers."""

    value: str | None = None
    position: int | None = None


class SignInField(Resource):
    """A question that visitors are asked."""

    name: str | None = None
    kind: str | None = None
    required: bool | None = None
    identifier: str | None = None
    localized: Any = None
    ipad_localized_names: tuple[dict[str, Any], ...] = ()
    """As sent: `language-code`, `region-code`, `display-name`."""
    options: tuple[FieldOption, ...] = ()
    position: int | None = None
    store_response: bool | None = None
    allow_visitor_respondents: bool | None = None
    allow_employee_respondents: bool | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    sign_in_field_page_id: str | None = None


class User(Resource):
    """Somebody with a login at Envoy."""

    name: str | None = None
    full_name: str | None = None
    email: str | None = None


class Reservation(Resource):
    """A desk that is kept for somebody."""

    name: str | None = None
    enabled: bool | None = None
    availability: str | None = None
    is_partial_day: bool | None = None
    is_assignable: bool | None = None
    assigned_to: str | None = None
    neighborhood: Any = None
    parent_desk_id: str | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    user_id: str | None = None
    location_id: str | None = None
    desk_id: str | None = None
    invite_id: str | None = None
    entry_id: str | None = None


class TakeoverText(Wire):
    """What a takeover shows."""

    title: str | None = None
    message: str | None = None
    type: str | None = None
    """`critical` or `normal`."""
    created_at: Time | None = None


class Takeover(Resource):
    """A message that takes over the screens of a location, as in an emergency; `end_at` is None while it lasts."""

    metadata: TakeoverText = TakeoverText()
    start_at: Moment | None = None
    end_at: Moment | None = None
    location_id: str | None = None
    company_id: str | None = None
