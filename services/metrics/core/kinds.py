"""What an activity counts as, from the activity alone; whether a response answers our own post, the store knows."""

from enum import StrEnum
from typing import Final

from shared.contracts.activity import POST_VERBS, REMOVAL_VERBS, Activity, Direction, Verb


class Kind(StrEnum):
    """What an activity counts as (design.md section 7)."""

    PUSH = "push"
    RESPONSE = "response"
    OWN_REPLY = "own_reply"
    REPLY = "reply"
    MENTION = "mention"
    QUOTE = "quote"
    OTHER = "other"
    ANNOUNCE = "announce"
    LIKE = "like"
    FOLLOW = "follow"
    AMBIENT_POST = "ambient_post"
    OUTBOUND_REACTION = "outbound_reaction"
    AMBIENT_REACTION = "ambient_reaction"
    NONE = ""


INBOUND_POSTS: Final = (Kind.REPLY, Kind.MENTION, Kind.QUOTE, Kind.OTHER)
_REACTIONS: Final = {Verb.ANNOUNCE: Kind.ANNOUNCE, Verb.LIKE: Kind.LIKE, Verb.FOLLOW: Kind.FOLLOW}


def kind(activity: Activity) -> Kind:
    """Return what an activity counts as; NONE for a removal, which takes a count away.

    An outbound reply is called a response here; it becomes an own reply where the store knows its parent as ours.
    """
    if activity.verb in REMOVAL_VERBS:
        return Kind.NONE
    if activity.verb not in POST_VERBS:
        return _reaction_kind(activity)
    if activity.direction is Direction.OUTBOUND:
        return Kind.RESPONSE if activity.in_reply_to else Kind.PUSH
    if activity.direction is Direction.AMBIENT:
        return Kind.AMBIENT_POST
    return _inbound_post_kind(activity)


def _inbound_post_kind(activity: Activity) -> Kind:
    if activity.in_reply_to:
        return Kind.REPLY
    if activity.quotes:
        return Kind.QUOTE
    return Kind.MENTION if activity.account else Kind.OTHER


def _reaction_kind(activity: Activity) -> Kind:
    if activity.direction is Direction.INBOUND:
        return _REACTIONS[activity.verb]
    return Kind.OUTBOUND_REACTION if activity.direction is Direction.OUTBOUND else Kind.AMBIENT_REACTION
