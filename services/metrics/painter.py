"""Has charts drawn by a short-lived process (drawing.py), one at a time, within a time."""

import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from shared.errors import TransientError

PROGRAM: Final = Path(__file__).with_name("drawing.py")


@dataclass
class VegaPainter:
    """Implements core.ports.Painter."""

    within_seconds: float = 30.0
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _library: bytes = b""

    def picture(self, spec: dict[str, Any], form: str) -> bytes:
        """See Painter.picture."""
        return self._drawn(form, orjson.dumps(spec))

    def library(self) -> bytes:
        """See Painter.library."""
        if not self._library:
            self._library = self._drawn("bundle", b"")
        return self._library

    def _drawn(self, form: str, spec: bytes) -> bytes:
        if not self._turn.acquire(timeout=self.within_seconds):
            raise TransientError("Other pictures are being drawn; ask again.", retry_after_seconds=5)
        try:
            done = subprocess.run(  # noqa: S603  # our own program, our own arguments
                [sys.executable, str(PROGRAM), form],
                input=spec, capture_output=True, timeout=self.within_seconds, check=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise TransientError(f"The picture took longer than {self.within_seconds:.0f} s.") from error
        except subprocess.CalledProcessError as error:
            last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise TransientError(f"The picture could not be drawn: {' '.join(last)[:200]}") from error
        finally:
            self._turn.release()
        return done.stdout
