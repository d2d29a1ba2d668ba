import pytest

from services.metrics.core.kinds import Kind, kind
from shared.contracts.activity import Activity, Direction, Verb
from tests.builders import an_activity

OUT, IN, AMBIENT = Direction.OUTBOUND, Direction.INBOUND, Direction.AMBIENT


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        (an_activity(direction=OUT), Kind.PUSH),
        (an_activity(direction=OUT, quotes="web:9"), Kind.PUSH),
        (an_activity(direction=OUT, in_reply_to="web:9"), Kind.RESPONSE),
        (an_activity(direction=IN, in_reply_to="web:9", quotes="web:8"), Kind.REPLY),
        (an_activity(direction=IN, quotes="web:8"), Kind.QUOTE),
        (an_activity(direction=IN), Kind.MENTION),
        (an_activity(direction=IN, verb=Verb.UPDATE), Kind.MENTION),
        (an_activity(direction=IN, account=None), Kind.OTHER),
        (an_activity(direction=AMBIENT, in_reply_to="web:9"), Kind.AMBIENT_POST),
        (an_activity(direction=IN, verb=Verb.LIKE), Kind.LIKE),
        (an_activity(direction=IN, verb=Verb.ANNOUNCE), Kind.ANNOUNCE),
        (an_activity(direction=IN, verb=Verb.FOLLOW), Kind.FOLLOW),
        (an_activity(direction=OUT, verb=Verb.LIKE), Kind.OUTBOUND_REACTION),
        (an_activity(direction=AMBIENT, verb=Verb.LIKE), Kind.AMBIENT_REACTION),
        (an_activity(direction=IN, verb=Verb.DELETE), Kind.NONE),
        (an_activity(direction=OUT, verb=Verb.UNDO), Kind.NONE),
    ],
)
def test_an_activity_counts_as_the_kind_its_verb_direction_and_links_say(activity: Activity, expected: Kind) -> None:
    assert kind(activity) is expected
