"""Exits 0 when this container's service says that it is ready; the HEALTHCHECK of the images, without packages."""

import socket
import sys


def main(port: int = 8080) -> int:
    """Ask once. A plain socket starts in a tenth of the time of urllib, and every container does this all day."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
            connection.sendall(b"GET /health/ready HTTP/1.0\r\n\r\n")
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
    except OSError as error:
        sys.stdout.write(f"no answer: {error}")
        return 1
    head, _, body = answer.partition(b"\r\n\r\n")
    sys.stdout.write(body.decode("utf-8", "replace"))  # docker inspect shows what is not ready
    return 0 if head.split(b" ", 2)[1:2] == [b"200"] else 1


if __name__ == "__main__":
    sys.exit(main())
