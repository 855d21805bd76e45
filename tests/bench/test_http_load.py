"""The load generator: every request once, answers told apart, however they come in."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from typing_extensions import override

from dreamflow.bench.http_load import LoadError, drive, post

Answer = Callable[[int, Callable[[bytes], None]], bool]
"""Answers the request of a number, in as many pieces as it likes; says whether the connection stays."""


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """A server, its URL, and the bodies that it was sent."""
    bodies: list[bytes] = []
    lock = threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        @override
        def handle(self) -> None:
            while line := self.rfile.readline():
                assert line == b"POST /there HTTP/1.1\r\n"
                headers: dict[bytes, bytes] = {}
                while (header := self.rfile.readline()) != b"\r\n":
                    name, _, value = header.strip().partition(b": ")
                    headers[name.lower()] = value
                assert headers[b"x-key"] == b"k"
                body = self.rfile.read(int(headers[b"content-length"]))
                with lock:
                    bodies.append(body)
                if not answer(int(body), lambda piece: (self.wfile.write(piece), self.wfile.flush())[1]):
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", bodies
        finally:
            server.shutdown()
            thread.join()


def requests(count: int) -> list[bytes]:
    return [post("/there", str(number).encode(), {"X-Key": "k"}) for number in range(count)]


def in_pieces(number: int, send: Callable[[bytes], None]) -> bool:
    status = b"202 Accepted" if number % 3 else b"400 Bad Request"
    body = b"" if number % 3 else b'{"a": "\r\n\r\n"}'
    whole = b"HTTP/1.1 " + status + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\nX-Y: z\r\n\r\n" + body
    for start in range(0, len(whole), 7):
        send(whole[start : start + 7])
    return True


@pytest.mark.parametrize("connections", [1, 4, 40])
def test_every_request_is_sent_once_and_its_answer_counted(connections: int) -> None:
    with serving(in_pieces) as (url, bodies):
        load = drive(url, requests(30), connections)
    assert sorted(int(body) for body in bodies) == list(range(30))
    assert load.statuses == {400: 10, 202: 20}
    assert load.seconds > 0


def test_a_connection_that_is_closed_early_is_told() -> None:
    def hang_up(number: int, send: Callable[[bytes], None]) -> bool:
        return number < 3 and in_pieces(number, send)

    with serving(hang_up) as (url, _), pytest.raises(LoadError):
        drive(url, requests(5), 1)
