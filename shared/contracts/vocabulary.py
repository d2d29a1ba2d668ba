"""The names a configuration may use that live in services: departments the shipped model knows, metrics of goals.

Services do not import each other, so the names stand here; tests hold them against the model and the definitions.
"""

from typing import Final

SHIPPED_DEPARTMENTS: Final = frozenset({
    "support", "billing", "product", "sales", "marketing", "people", "it", "legal_security", "none",
})  # fmt: skip
"""Departments of the shipped taxonomy (services/classify/artefact)."""

GOAL_METRICS: Final = (
    "push", "responses", "replies", "mentions", "quotes", "announces", "likes", "follows", "engagement",
    "people", "engagement_per_push", "conversation_rate", "amplification_rate", "applause_rate",
    "conversation_share", "inbound_posts", "answered", "response_rate", "first_response_seconds_p50",
    "first_response_seconds_p90", "negative", "neutral", "positive", "net_sentiment", "misrouted",
    "ambient_posts", "own_replies", "outbound_reactions", "social_activities", "legacy_activities",
    "social_share", "social_push", "legacy_push", "social_engagement", "legacy_engagement", "legacy_audience",
    "legacy_opens", "legacy_clicks", "legacy_open_rate", "legacy_click_rate",
    "first_response_business_seconds_p50", "first_response_business_seconds_p90",
)  # fmt: skip
"""Metrics of a department for which a goal may be set (services/metrics/core/definitions.py and views.py)."""
