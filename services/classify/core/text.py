"""One text preparation for training and serving: what the encoder sees of a post. Pure, total, linear.

Handles, links and e-mail addresses become masks, letter case and Unicode spelling are folded, white space and control
characters become single blanks. So a text and its copy with another handle, link or letter case are the same text.
"""

import html
import re
import unicodedata
from typing import Final, NamedTuple

RAW_CHARACTERS: Final = 16_000
"""What is looked at of a text; far more than the encoder reads, so masks of any length fit."""
PREPARED_CHARACTERS: Final = 1_000
"""What 128 tokens can hold, with room to spare."""
JUDGED_CHARACTERS: Final = 4_000
"""Of a longer text less than a quarter is read: too little to be sure."""

HANDLE_MASK: Final = "@user"
LINK_MASK: Final = "http"
EMAIL_MASK: Final = "email"

_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_SLACK_LINK = re.compile(r"<((?:https?://|mailto:)[^|>\s]{1,2000})(?:\|([^>]{0,500}))?>")
_SLACK_MENTION = re.compile(r"<[@!#][^>\s]{1,100}>")
# The look-behinds let a match begin only where a word begins; without them long runs cost quadratic time.
_LINK = re.compile(r"https?:/\S*|(?<![\w.@-])(?:www\.\S+|(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,12}/\S*)")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_HANDLE = re.compile(r"(?<![\w@])@\w+(?:[.-]\w+)*(?:@\w+(?:[.-]\w+)*)?")
_SPACE = re.compile(r"\s+")
_REPEATED_HANDLES = re.compile(rf"{HANDLE_MASK}(?: {HANDLE_MASK})+")


def _folded(text: str) -> str:
    """Return the text without letter case; by way of upper case, for a few letters have two lower-case forms."""
    return text.upper().casefold()


class Prepared(NamedTuple):
    """What the encoder sees of a text, and whether that is enough of it to judge it."""

    text: str
    mostly_read: bool


def prepare(text: str) -> str:
    """Return the text as the encoder sees it; empty when nothing is left. Never raises."""
    return read(text).text


def read(text: str) -> Prepared:
    """Return the text as the encoder sees it, and whether most of it is not cut off. Never raises."""
    seen = _folded(_UNWANTED.sub(" ", text[:RAW_CHARACTERS]))
    if "&" in seen:
        seen = _folded(_UNWANTED.sub(" ", html.unescape(seen)))
    seen = unicodedata.normalize("NFC", _INVISIBLE.sub("", seen))
    if "<" in seen:
        seen = _SLACK_MENTION.sub(f" {HANDLE_MASK} ", _SLACK_LINK.sub(rf" {LINK_MASK} \2 ", seen))
    if "/" in seen or "www." in seen:
        seen = _LINK.sub(LINK_MASK, seen)
    if "@" in seen:
        seen = _HANDLE.sub(HANDLE_MASK, _EMAIL.sub(EMAIL_MASK, seen))
    seen = _REPEATED_HANDLES.sub(HANDLE_MASK, _SPACE.sub(" ", seen))
    return Prepared(seen[:PREPARED_CHARACTERS].strip(), len(seen) <= JUDGED_CHARACTERS)
