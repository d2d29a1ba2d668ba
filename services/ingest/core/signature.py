"""Slack's v0 request signature: HMAC-SHA256 over `v0:{timestamp}:{raw body}`, not older than five minutes.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
from typing import Final

TOLERANCE_SECONDS: Final = 300
TIMESTAMP_DIGITS: Final = 12


def signature_problem(body: bytes, timestamp: str | None, signature: str | None, secret: str, now: float) -> str | None:
    """Return None when a request is signed with the secret and fresh, else what is wrong with it; never raises."""
    if not timestamp or not signature:
        return "X-Slack-Request-Timestamp and X-Slack-Signature are needed"
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > TIMESTAMP_DIGITS:
        return "X-Slack-Request-Timestamp is not a whole number of seconds"
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return f"X-Slack-Request-Timestamp is more than {TOLERANCE_SECONDS} s away from now"
    expected = sign(body, timestamp, secret)
    # Bytes, for compare_digest refuses text beyond ASCII, and headers are what the caller likes them to be.
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
        return "X-Slack-Signature does not fit this body and secret"
    return None


def sign(body: bytes, timestamp: str, secret: str) -> str:
    """Return the signature Slack sends for a body at a time."""
    return "v0=" + hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
