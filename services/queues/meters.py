"""Prometheus metrics of queues beside those every process has."""

from collections.abc import Callable

from prometheus_client import Gauge

from shared.service.telemetry import Telemetry


class Meters:
    """The metrics of the live stream."""

    def __init__(self, telemetry: Telemetry, readers: Callable[[], int]) -> None:
        self.streams = Gauge("earshot_streams", "Open event streams of this replica.", registry=telemetry.registry)
        self.streams.set_function(readers)
