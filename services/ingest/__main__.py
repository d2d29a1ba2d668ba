"""Runs ingest: `python -m services.ingest`."""

import sys

from services.ingest.app import compose
from shared.errors import EarshotError
from shared.service.http import serve


def main() -> None:
    """Serve until SIGTERM; exits 2 with everything that is wrong when it cannot start."""
    try:
        app, http = compose()
    except EarshotError as error:
        sys.stderr.write(f"ingest cannot start: {error}\n")
        sys.exit(2)
    serve(app, http)


if __name__ == "__main__":
    main()
