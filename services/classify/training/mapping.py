"""The written mapping: which label of which set in ../shared/data means what in the label guide, and how many count.

A set speaks only for the heads its labels are clear about; None leaves a head out. docs/training-data.md is the
reader's version with the reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Meaning:
    """What one source label says about the three heads."""

    department: str | None = None
    intent: str | None = None
    sentiment: str | None = None


@dataclass(frozen=True)
class MappedSet:
    """One set: its licence class, the splits used to train, rows taken per source label, and the meanings."""

    name: str
    licence: str
    train_splits: tuple[str, ...]
    cap_per_label: int
    meanings: Mapping[str, Meaning]
    held_out_tenths: int = 1
    """Where the set has no official test part: how many tenths of its rows are kept from training."""

    def named(self, label: str) -> str | None:
        """Return the mapped label of a row, the first that fits of several joined with |; None leaves the row out."""
        parts = label.split("|")
        return label if label in self.meanings else next((each for each in self.meanings if each in parts), None)


def _all(labels: str, meaning: Meaning) -> dict[str, Meaning]:
    return dict.fromkeys(labels.split(), meaning)


BANKING77: Final = MappedSet(
    "banking77", "A", ("train",), 15,
    _all(
        "card_payment_fee_charged cash_withdrawal_charge transfer_fee_charged exchange_charge top_up_by_card_charge "
        "top_up_by_bank_transfer_charge card_payment_wrong_exchange_rate wrong_exchange_rate_for_cash_withdrawal",
        Meaning("billing"),
    )
    | _all(
        "extra_charge_on_statement transaction_charged_twice reverted_card_payment? Refund_not_showing_up "
        "wrong_amount_of_cash_received",
        Meaning("billing", "complaint", "negative"),
    )
    | _all("request_refund", Meaning("billing", "request"))
    | _all(
        "compromised_card lost_or_stolen_card cash_withdrawal_not_recognised card_payment_not_recognised "
        "direct_debit_payment_not_recognised lost_or_stolen_phone",
        Meaning("legal_security"),
    )
    | _all(
        "card_not_working contactless_not_working virtual_card_not_working top_up_failed failed_transfer "
        "declined_card_payment declined_transfer card_swallowed",
        Meaning("support", "outage", "negative"),
    )
    | _all("terminate_account", Meaning("support", "cancellation"))
    | _all(
        "card_arrival activate_my_card change_pin passcode_forgotten pin_blocked edit_personal_details "
        "verify_my_identity transfer_not_received_by_recipient balance_not_updated_after_bank_transfer "
        "pending_transfer card_linking "
        "unable_to_verify_identity",
        Meaning("support"),
    )
    | _all("country_support visa_or_mastercard supported_cards_and_currencies age_limit", Meaning("sales", "question"))
    | _all(
        "card_delivery_estimate transfer_timing top_up_limits atm_support exchange_rate disposable_card_limits "
        "why_verify_identity card_acceptance",
        Meaning(None, "question", "neutral"),
    ),
)  # fmt: skip

CLINC150: Final = MappedSet(
    "clinc150", "A", ("train",), 25,
    _all("pto_request", Meaning("people", "request"))
    | _all("pto_request_status pto_used pto_balance payday w2 next_holiday", Meaning("people", "question"))
    | _all("rollover_401k direct_deposit insurance insurance_change income", Meaning("people"))
    | _all("pay_bill", Meaning("billing", "request"))
    | _all("bill_balance bill_due min_payment international_fees", Meaning("billing", "question"))
    | _all("report_fraud report_lost_card", Meaning("legal_security"))
    | _all("account_blocked lost_luggage damaged_card card_declined", Meaning("support"))
    | _all("order_status flight_status replacement_card_duration application_status", Meaning("support", "question"))
    | _all("cancel_reservation pin_change freeze_account", Meaning("support", "request"))
    | _all("thank_you", Meaning(None, "praise"))
    | _all("greeting goodbye tell_joke yes no maybe what_are_your_hobbies", Meaning("none", "chatter", "neutral"))
    | _all(
        "meaning_of_life do_you_have_pets how_old_are_you where_are_you_from fun_fact definition weather calories "
        "recipe",
        Meaning("none", "question", "neutral"),
    )
    | _all("oos", Meaning("none")),
)  # fmt: skip

APP_REVIEWS: Final = MappedSet(
    "app_reviews_maalej", "A", ("all",), 220,
    {
        "bug_report": Meaning("product", "outage", "negative"),
        "feature_request": Meaning("product", "suggestion"),
        "rating": Meaning("product"),
        "user_experience": Meaning("product"),
    },
)  # fmt: skip

GITHUB_ISSUES: Final = MappedSet(
    "github_issues_nlbse24", "B", ("train",), 200,
    {
        "bug": Meaning("product", "outage", "negative"),
        "feature": Meaning("product", "suggestion", "neutral"),
        "question": Meaning(None, "question", "neutral"),
    },
)  # fmt: skip

IT_TICKETS: Final = MappedSet(
    "it_service_tickets", "A", ("all",), 60,
    _all("Hardware Access Storage", Meaning("it"))
    | {"Administrative rights": Meaning("it"), "HR Support": Meaning("people")},
)  # fmt: skip

CORPORATE: Final = MappedSet(
    "corporate_messaging_dfe", "A", ("all",), 250,
    {"Information": Meaning("marketing", "announcement"), "Action": Meaning("marketing")},
)  # fmt: skip

SPAM: Final = (
    MappedSet(
        "spam_sms_uci", "A", ("all",), 150,
        {"spam": Meaning("none", "spam"), "ham": Meaning("none", "chatter")},
    ),
    MappedSet(
        "spam_youtube_uci", "A", ("all",), 150,
        {"spam": Meaning("none", "spam"), "ham": Meaning("none", None)},
    ),
)  # fmt: skip

GOEMOTIONS: Final = MappedSet(
    "goemotions", "A", ("train",), 120,
    _all("gratitude admiration", Meaning("none", "praise", "positive"))
    | _all("disappointment annoyance", Meaning("none", "complaint", "negative"))
    | _all("curiosity", Meaning("none", "question"))
    | _all("neutral amusement joy caring", Meaning("none", "chatter")),
)  # fmt: skip

TWEET_ACTS: Final = MappedSet(
    "tweet_acts", "A", ("all",), 200,
    {
        "statement": Meaning("none", "announcement"),
        "question": Meaning("none", "question"),
        "request": Meaning("none", "request"),
        "expression": Meaning("none", "chatter"),
    },
)  # fmt: skip

CHURN: Final = MappedSet(
    "churn_swisscom_en", "A-share", ("all",), 130, {"churn": Meaning("support", "cancellation", "negative")}
)
EMAIL: Final = MappedSet(
    "email_intent_parakweet", "A", ("train",), 250, {"request": Meaning(None, "request", "neutral")}
)
COMPLAINTS: Final = MappedSet(
    "complaints_preotiuc", "B", ("all",), 500, {"complaint": Meaning(None, "complaint", "negative")}, held_out_tenths=5
)
NLUPP: Final = MappedSet(
    "nlupp", "A", ("all",), 60,
    {
        "refund": Meaning("billing"), "wrong_notworking_notshowing": Meaning("support", "outage", "negative"),
        "lost_stolen": Meaning("support"), "make_open_apply_setup_get_activate": Meaning(None, "request", "neutral"),
        "how_much": Meaning(None, "question", "neutral"), "request_info": Meaning(None, "question", "neutral"),
    },
)  # fmt: skip
SENTIMENT: Final = (
    MappedSet(
        "semeval2017_sentiment", "B", ("train",), 30_000,
        {label: Meaning(sentiment=label) for label in ("negative", "neutral", "positive")},
    ),
    MappedSet(
        "vader_tweets", "A", ("all",), 800,
        {label: Meaning(sentiment=label) for label in ("negative", "neutral", "positive")},
    ),
    MappedSet(
        "vader_amazon", "A", ("all",), 800,
        {label: Meaning(sentiment=label) for label in ("negative", "neutral", "positive")},
    ),
)  # fmt: skip

MAPPED_SETS: Final[Sequence[MappedSet]] = (
    BANKING77, CLINC150, APP_REVIEWS, GITHUB_ISSUES, IT_TICKETS, CORPORATE, *SPAM, GOEMOTIONS, TWEET_ACTS,
    CHURN, EMAIL, COMPLAINTS, NLUPP, *SENTIMENT,
)  # fmt: skip
