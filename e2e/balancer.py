# SPDX-License-Identifier: AGPL-3.0-or-later
"""A plain round-robin proxy in front of several server processes: each request
goes to the next one, whoever asks. No stickiness, no health checks, and no
request is sent twice; a process that refuses connections is skipped."""

import itertools
import socket
import socketserver
import threading
from contextlib import contextmanager

BLOCK = 64 * 1024


class Balancer:
    def __init__(self, port, targets):
        self.targets = targets
        self.turns = itertools.count()
        self.lock = threading.Lock()
        # Requests that each process has got and not answered yet.
        self.busy = dict.fromkeys(targets, 0)
        self.served = dict.fromkeys(targets, 0)
        balancer = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self):
                try:
                    while balancer.one_request(self.rfile, self.wfile):
                        pass
                except (OSError, ValueError):
                    pass  # one of the two hung up; the other sees it by our hanging up

        class TcpServer(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

        self.tcp = TcpServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.tcp.serve_forever, daemon=True).start()

    def connect(self):
        """A connection to the next process that takes one."""
        turn = next(self.turns)
        for step in range(len(self.targets)):
            port = self.targets[(turn + step) % len(self.targets)]
            try:
                return port, socket.create_connection(("127.0.0.1", port), 120)
            except OSError:
                continue
        return None, None

    @contextmanager
    def counted(self, port):
        with self.lock:
            self.busy[port] += 1
            self.served[port] += 1
        try:
            yield
        finally:
            with self.lock:
                self.busy[port] -= 1

    def one_request(self, client, answers):
        head = read_head(client)
        if not head:
            return False
        port, server = self.connect()
        if server is None:
            answers.write(b"HTTP/1.1 502 nobody there\r\ncontent-length: 0\r\n\r\n")
            copy_body(client, None, head)
            return True
        with server, self.counted(port):
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                server.sendall(without_connection(head, b"connection: close\r\n"))
                copy_body(client, server.sendall, head)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it may have answered before it has read everything
            source = server.makefile("rb")
            answer = read_head(source)
            if not answer:
                return False
            answers.write(without_connection(answer, b""))
            return copy_body(source, answers.write, answer, until_end=True)

    def close(self):
        self.tcp.shutdown()
        self.tcp.server_close()


def read_head(source):
    """The lines up to the empty one, or nothing when there are no more."""
    lines = []
    while line := source.readline():
        lines.append(line)
        if line == b"\r\n":
            return lines
    return []


def header(head, name):
    for line in head:
        if line.lower().startswith(name + b":"):
            return line.split(b":", 1)[1].strip().lower()
    return b""


def without_connection(head, instead):
    kept = [line for line in head[:-1] if not line.lower().startswith(b"connection:")]
    return b"".join(kept) + instead + b"\r\n"


def copy_body(source, send, head, until_end=False):
    """Hands a body on as it comes. False when the connection ends with it."""
    send = send or (lambda _: None)
    if header(head, b"transfer-encoding") == b"chunked":
        while True:
            line = source.readline()
            size = int(line.split(b";")[0], 16)
            send(line + read_exactly(source, size + 2))
            if size == 0:
                return True
    if length := header(head, b"content-length"):
        left = int(length)
        while left:
            block = source.read(min(left, BLOCK))
            if not block:
                raise ConnectionResetError("the body ends too early")
            send(block)
            left -= len(block)
        return True
    if until_end:
        while block := source.read(BLOCK):
            send(block)
        return False
    return True


def read_exactly(source, size):
    block = source.read(size)
    if len(block) < size:
        raise ConnectionResetError("the body ends too early")
    return block
