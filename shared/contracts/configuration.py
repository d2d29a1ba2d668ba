"""earshot.yaml as values: organisation, tracking, sources, taxonomy, goals, queues and keys (design.md section 8)."""

import re
from typing import Annotated, Final, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from shared.contracts.activity import TRIAGE
from shared.contracts.vocabulary import GOAL_METRICS, SHIPPED_DEPARTMENTS

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]

Scope = Literal[
    "ingest:write",
    "classify:read",
    "labels:write",
    "metrics:read",
    "queues:read",
    "queues:write",
    "internal:read",
    "admin",
]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


class Strict(BaseModel):
    """A configuration block: a field that does not exist is a mistake, not a wish."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Account(Strict):
    """An identity the organisation runs on a channel; it belongs to a department."""

    channel: Name
    id: str = Field(min_length=1, max_length=512)
    handle: str | None = None
    department: LabelName
    name: str | None = None


class Organisation(Strict):
    """Whose ears these are."""

    accounts: tuple[Account, ...] = ()


class Term(Strict):
    """A phrase to listen for; `group` is us, or a competitor's name (share of voice)."""

    term: str = Field(min_length=2, max_length=200)
    group: str = "us"


class Tracking(Strict):
    """What is heard although it is addressed to nobody."""

    terms: tuple[Term | Annotated[str, StringConstraints(min_length=2, max_length=200)], ...] = ()

    def phrases(self) -> tuple[Term, ...]:
        """Return every term in its long form."""
        return tuple(each if isinstance(each, Term) else Term(term=each) for each in self.terms)


class BlueskySource(Strict):
    """Bluesky's Jetstream, either wire."""

    type: Literal["bluesky"]
    name: Name
    url: str = Field(default="wss://jetstream.us-east.bsky.network/subscribe", pattern=r"^wss?://")
    wire: Literal["v1", "v2"] = "v1"
    idle_seconds: float = Field(default=60, gt=0, description="Reconnect when nothing arrives for so long.")
    rewind_seconds: float = Field(default=10, ge=0, description="How far a reconnect goes back before its cursor.")


class SlackSource(Strict):
    """Slack's Events API, delivered to /v1/webhooks/{name}."""

    type: Literal["slack"]
    name: Name
    signing_secret_env: str = Field(
        default="SLACK_SIGNING_SECRET", description="Variable that holds the signing secret."
    )
    surface: Literal["internal", "public"] = "internal"


class ReplaySource(Strict):
    """A JSONL file of activities, in the form of POST /v1/activities."""

    type: Literal["replay"]
    name: Name
    path: str = Field(min_length=1, description="The file; a relative path starts at the folder of earshot.yaml.")
    speed: Literal["1", "10", "max"] | int = Field(
        default="max", description="1 = as it happened, 10 = ten times, max."
    )


Source = Annotated[BlueskySource | SlackSource | ReplaySource, Field(discriminator="type")]


class LabelDefinition(Strict):
    """One department or intent of an own taxonomy."""

    name: LabelName
    description: str = Field(min_length=3, max_length=500)
    examples: tuple[Annotated[str, StringConstraints(min_length=1, max_length=2_000)], ...] = Field(
        default=(), max_length=500
    )


class Taxonomy(Strict):
    """Departments and intents beside the shipped ones, or instead of them; an empty list keeps the shipped ones."""

    departments: tuple[LabelDefinition, ...] = ()
    intents: tuple[LabelDefinition, ...] = ()
    replace_departments: bool = False
    replace_intents: bool = False


class Goal(Strict):
    """A target a department set itself."""

    department: LabelName
    metric: LabelName
    target: float
    period: Literal["week", "month", "quarter", "year"] = "month"


class ServiceLevel(Strict):
    """How soon a first response is promised; the rule that names more of a post wins, of equal ones the first."""

    department: LabelName | None = None
    intent: LabelName | None = None
    first_response_minutes: int = Field(ge=1, le=525_600, description="Of business hours, where there are any.")


def _minute_of_day(given: object) -> object:
    # YAML reads 17:00 without quotes as a number to the base of 60: 1020, which is the minute of the day.
    found = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)", given) if isinstance(given, str) else None
    return int(found[1]) * 60 + int(found[2]) if found else given


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise ValueError(f"{name!r} is no IANA time zone, expected for example Europe/Berlin") from error
    return name


MOST_PROMISED_WEEKS: Final = 104
"""A promise that ends later, counted in business hours, is a slip of the pen; and its end is searched day by day."""
MinuteOfDay = Annotated[int, BeforeValidator(_minute_of_day), Field(ge=0, le=1_440)]
"""A time of day as hh:mm, up to 24:00; held as minutes since midnight."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class BusinessHours(Strict):
    """When people are at work: the clocks of service levels run only then."""

    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    days: tuple[Day, ...] = Field(default=("mon", "tue", "wed", "thu", "fri"), min_length=1)
    start: MinuteOfDay = 540
    end: MinuteOfDay = 1_020

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start >= self.end:
            raise ValueError("business hours end before they start; hours over midnight are not supported")
        return self

    @property
    def minutes_a_week(self) -> int:
        """Working time of a week without a change of clocks, in minutes."""
        return len(set(self.days)) * (self.end - self.start)


Points = Annotated[int, Field(ge=0, le=100)]


class PriorityWeights(Strict):
    """Points that add up to an item's priority, 100 at most."""

    intents: dict[LabelName, Points] = {
        "outage": 30, "cancellation": 30, "complaint": 22, "request": 14, "purchase_interest": 14, "question": 12,
        "suggestion": 6, "praise": 3,
    }  # fmt: skip
    sentiments: dict[LabelName, Points] = {"negative": 15, "neutral": 3}
    reach: Points = Field(default=15, description="For an author with `reach_followers`; less, on a log scale, below.")
    reach_followers: int = Field(default=100_000, ge=1, le=10**9)
    age: Points = Field(default=15, description="For a post that waits `age_hours`; less, in proportion, before.")
    age_hours: int = Field(default=24, ge=1, le=8_760)
    service_level: Points = Field(default=25, description="For an overdue post; three fifths of it when at risk.")


class Queues(Strict):
    """What the live queues promise and in which order they work."""

    sla: tuple[ServiceLevel, ...] = ()
    business_hours: BusinessHours | None = None
    priority: PriorityWeights = PriorityWeights()


class Key(Strict):
    """An API key by its hash; the key itself is never stored."""

    name: Name
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)]
    scopes: tuple[Scope, ...] = Field(min_length=1)


class Configuration(Strict):
    """The whole file."""

    organisation: Organisation = Organisation()
    tracking: Tracking = Tracking()
    sources: tuple[Source, ...] = ()
    taxonomy: Taxonomy = Taxonomy()
    goals: tuple[Goal, ...] = ()
    queues: Queues = Queues()
    keys: tuple[Key, ...] = ()


def contradictions(configuration: Configuration) -> list[tuple[tuple[str | int, ...], str]]:
    """Return (path, message) of everything that is well-formed but cannot be meant."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    accounts: set[tuple[str, str]] = set()
    for index, account in enumerate(configuration.organisation.accounts):
        if (account.channel, account.id) in accounts:
            found.append(
                (("organisation", "accounts", index), f"account {account.id} of {account.channel} stands here twice")
            )
        accounts.add((account.channel, account.id))
    for block, names in (
        ("sources", [each.name for each in configuration.sources]),
        ("keys", [each.name for each in configuration.keys]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                found.append(((block, index, "name"), f"{name!r} is used twice; names must differ"))
    promised = [(each.department, each.intent) for each in configuration.queues.sla]
    found += [
        (("queues", "sla", index), "an earlier rule is for the same department and intent; keep one of them")
        for index, names in enumerate(promised)
        if names in promised[:index]
    ]
    return (
        found
        + _ambiguous_labels(configuration.taxonomy)
        + _unmeasurable(configuration)
        + _endless_promises(configuration.queues)
    )


def _ambiguous_labels(taxonomy: Taxonomy) -> list[tuple[tuple[str | int, ...], str]]:
    """Return labels defined twice, and lists that replace the shipped one and leave nothing to choose between."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    for block, labels, replaces in (
        ("departments", taxonomy.departments, taxonomy.replace_departments),
        ("intents", taxonomy.intents, taxonomy.replace_intents),
    ):
        names = [each.name for each in labels]
        found += [
            (("taxonomy", block, index, "name"), f"{name!r} is defined twice; join the two")
            for index, name in enumerate(names)
            if name in names[:index]
        ]
        found += [
            (("taxonomy", block, index, "name"), f"{name!r} is the desk of posts that are unsure; choose another name")
            for index, name in enumerate(names)
            if name == TRIAGE
        ]
        if replaces and len(names) < 2:
            message = f"replaces the shipped {block} by {len(names)}; at least two labels are needed to choose between"
            found.append((("taxonomy", f"replace_{block}"), message))
    return found


def _unmeasurable(configuration: Configuration) -> list[tuple[tuple[str | int, ...], str]]:
    """Return what is wrong with goals: a metric nobody computes, a department nobody is."""
    departments = {
        TRIAGE, *SHIPPED_DEPARTMENTS, *(each.name for each in configuration.taxonomy.departments),
        *(each.department for each in configuration.organisation.accounts),
    }  # fmt: skip
    found: list[tuple[tuple[str | int, ...], str]] = []
    for index, goal in enumerate(configuration.goals):
        if goal.metric not in GOAL_METRICS:
            message = f"expected one of {', '.join(GOAL_METRICS)}; found {goal.metric!r}"
            found.append((("goals", index, "metric"), message))
        if goal.department not in departments:
            known = ", ".join(sorted(departments))
            message = f"expected a department of an account or of the taxonomy ({known}); found {goal.department!r}"
            found.append((("goals", index, "department"), message))
    return found


def _endless_promises(queues: Queues) -> list[tuple[tuple[str | int, ...], str]]:
    hours = queues.business_hours
    if hours is None:
        return []
    most = MOST_PROMISED_WEEKS * hours.minutes_a_week
    return [
        (
            ("queues", "sla", index, "first_response_minutes"),
            f"{each.first_response_minutes} business minutes at {hours.minutes_a_week} a week last for more than "
            f"{MOST_PROMISED_WEEKS} weeks; expected at most {most}, or longer business_hours",
        )
        for index, each in enumerate(queues.sla)
        if each.first_response_minutes > most
    ]
