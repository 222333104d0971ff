"""Visitors who look like people: names of several languages, companies, cars, times. The same seed is the same visit.

Nobody in here exists; every e-mail address is at example.com.
"""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from faker import Faker

    from envoy_plugin.simulator.wire import JsonObject

SEEDED_DAY: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)
SEEDED_MINUTES: Final = 300 * 24 * 60
PURPOSES: Final = ("Interview", "Meeting", "Delivery", "Maintenance", "Audit", "Workshop")
FLOWS: Final = ("Visitor", "Contractor", "Interview", "Guest")


class FakerMissing(Exception):
    """The library that invents visitors isn't installed."""

    def __init__(self) -> None:
        super().__init__("Visitors are invented with faker: pip install 'envoy_plugin[dev]'.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An office of the made-up company, and the language of those who come there."""

    id: str
    name: str
    language: str
    time_zone: str
    street: str
    city: str
    state: str | None
    country: str
    zip: str
    latitude: float
    longitude: float

    def attributes(self) -> "JsonObject":
        """What each resource of this location says of it. Source: Node SDK 2.5.2, src/resources/LocationResource.ts."""
        return {
            "name": self.name,
            "address": f"{self.street}, {self.city}",
            "address-line-1": self.street,
            "address-line-2": None,
            "city": self.city,
            "state": self.state,
            "zip": self.zip,
            "country": self.country,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "locale": self.language[:2],
            "timezone": self.time_zone,
            "company-name-override": None,
            "disabled": False,
        }


SITES: Final = (
    Site(id="31", name="Harbour House", language="pt_PT", time_zone="Europe/Lisbon", street="1 Cais do Sodré",
         city="Lisboa", state=None, country="PT", zip="1200-450", latitude=38.7059, longitude=-9.1443),
    Site(id="32", name="Spreebogen", language="de_DE", time_zone="Europe/Berlin", street="Schöneberger Ufer 5",
         city="Berlin", state=None, country="DE", zip="10785", latitude=52.5035, longitude=13.3692),
    Site(id="33", name="Rondo", language="pl_PL", time_zone="Europe/Warsaw", street="ul. Świętokrzyska 12",
         city="Kraków", state=None, country="PL", zip="30-015", latitude=50.0714, longitude=19.9255),
    Site(id="34", name="Pier 9", language="en_US", time_zone="America/Los_Angeles", street="9 The Embarcadero",
         city="San Francisco", state="CA", country="US", zip="94111", latitude=37.8003, longitude=-122.3977),
    Site(id="35", name="丸の内オフィス", language="ja_JP", time_zone="Asia/Tokyo", street="丸の内1-1",
         city="東京", state=None, country="JP", zip="100-0005", latitude=35.6812, longitude=139.7671),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who doesn't exist."""

    name: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit from the invite to the way out. Events of one seed tell of the same visit, with the same ids."""

    seed: int
    job_id: str
    entry_id: str
    invite_id: str
    profile_id: str
    token: str
    site: Site
    company: str
    visitor: Person
    host: Person
    purpose: str
    plate: str
    flow: str
    invited_at: datetime
    expected_at: datetime
    signed_in_at: datetime
    signed_out_at: datetime
    been_here_before: bool


def invent_visit(seed: int, now: datetime | None = None) -> Visit:
    """The visit of a seed.

    The visitor signs in at `now`, or at a moment that follows from the seed too, so that the same seed gives the same
    visit to the second.

    Raises:
        FakerMissing: the extra `dev` isn't installed.
    """
    rng = Random(seed)  # noqa: S311 - reproducible on purpose, and nothing here is secret
    site = rng.choice(SITES)
    people = _people_of(site.language, seed)
    arrival = now or SEEDED_DAY + timedelta(minutes=rng.randrange(SEEDED_MINUTES))
    return Visit(
        seed=seed,
        job_id=str(UUID(int=rng.getrandbits(128), version=4)),
        entry_id=str(rng.randrange(10_000_000, 100_000_000)),
        invite_id=str(rng.randrange(10_000_000, 100_000_000)),
        profile_id=str(UUID(int=rng.getrandbits(128), version=4)),
        token=f"{rng.getrandbits(128):032x}",
        site=site,
        company=people.company(),
        visitor=_person(people),
        host=_person(people),
        purpose=rng.choice(PURPOSES),
        plate=people.bothify("??-##-??").upper(),
        flow=rng.choice(FLOWS),
        invited_at=arrival - timedelta(days=rng.randrange(1, 15), minutes=rng.randrange(600)),
        expected_at=(arrival + timedelta(minutes=rng.randrange(-20, 20))).replace(second=0, microsecond=0),
        signed_in_at=arrival,
        signed_out_at=arrival + timedelta(minutes=rng.randrange(15, 240)),
        been_here_before=rng.random() < 0.5,  # noqa: PLR2004 - heads or tails
    )


def _people_of(language: str, seed: int) -> "Faker":
    try:
        from faker import Faker  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise FakerMissing from None
    people = Faker(language)
    people.seed_instance(seed)
    return people


def _person(people: "Faker") -> Person:
    first, last = people.first_name(), people.last_name()
    name = f"{last} {first}" if people.locales == ["ja_JP"] else f"{first} {last}"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    address = ".".join(plain.split()) or f"guest{people.random_number(digits=4)}"
    return Person(name=name, email=f"{address}@example.com", phone=people.phone_number())
