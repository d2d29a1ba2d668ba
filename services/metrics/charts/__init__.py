"""The charts as data: one Vega-Lite specification per file, used by the page and for pictures alike."""

import json
from pathlib import Path
from typing import Any, Final

SPECS: Final[dict[str, dict[str, Any]]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(__file__).parent.glob("*.json"))
}
