"""From received activities and their scores to classified activities, same order and length."""

from shared.contracts.activity import Activity, Classification, ClassifiedActivity, Verb


def text_to_score(activity: Activity) -> str | None:
    """Return the text to classify; None for a delete, and for an update that does not touch the text."""
    return None if activity.verb is Verb.DELETE else activity.text


def classified(activity: Activity, classification: Classification | None) -> ClassifiedActivity:
    """Return the activity with its classification; every other field stays as it was received."""
    # Both parts were validated when they were made; validating them again costs more than scoring a short text.
    return ClassifiedActivity.model_construct(**dict(activity), classification=classification)
