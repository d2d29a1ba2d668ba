"""Runs the queues service: python -m services.queues."""

import sys

from services.queues.app import Settings, build, open_broker
from shared.errors import EarshotError
from shared.service.configuration import load_configuration
from shared.service.http import serve
from shared.service.logs import configure_logs


def main() -> int:
    """Read settings, wire, serve until told to stop."""
    settings = Settings()
    configure_logs("queues", level=settings.earshot.log_level, form=settings.earshot.log_format)
    try:
        configuration = load_configuration(settings.earshot.config)
        service = build(settings, configuration, open_broker(settings.kafka))
    except EarshotError as error:
        sys.stderr.write(f"queues cannot start: {error}\n")
        return 2
    serve(
        service.app,
        settings.http,
        failed=lambda: service.thread.failed is not None,
        stopping=service.hub.close,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
