"""A WebSocket on loopback that plays recorded Jetstream lines to whoever connects, on demand."""

import threading
from collections.abc import Sequence
from types import TracebackType

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve


class Jetstream:
    """Serves on a free port; `play` sends lines to every connection and keeps them open."""

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.paths: list[str] = []
        self._server = serve(self._connected, "127.0.0.1", 0, max_size=None)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._closing = threading.Event()

    @property
    def url(self) -> str:
        host, port = self._server.socket.getsockname()[:2]
        return f"ws://{host}:{port}/subscribe"

    def _connected(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.paths.append(connection.request.path)
        self.connections.append(connection)
        self._closing.wait()

    def play(self, lines: Sequence[str]) -> None:
        for connection in list(self.connections):
            try:
                for line in lines:
                    connection.send(line)
            except ConnectionClosed:
                self.connections.remove(connection)

    def drop(self) -> None:
        """Cut every connection, as a restarting server does."""
        for connection in self.connections:
            connection.close_socket()
        self.connections.clear()

    def __enter__(self) -> "Jetstream":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self.drop()
        self._server.shutdown()
        self._thread.join(5)
