# SPDX-License-Identifier: AGPL-3.0-or-later
"""A proxy between a client and the server that lists requests and can break
them: the network of a train ride, on demand."""

import http.client
import socketserver
import threading
import time

CUT = "cut"  # the request never reaches the server
LOSE = "lose"  # the server answers, the client never hears it


class Proxy:
    """rule(number, path) -> None to pass on, CUT, LOSE, seconds to wait before
    passing on, or a status to answer with instead, as in ("status", 503)."""

    def __init__(self, port):
        self.target = port
        self.rule = lambda number, path: None
        self.seen = []
        self.lock = threading.Lock()
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                while proxy.one_request(self.rfile, self.wfile):
                    pass

        class TcpServer(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.tcp = TcpServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.tcp.server_address[1]}/"
        threading.Thread(target=self.tcp.serve_forever, daemon=True).start()

    def reset(self, rule=None):
        self.seen = []
        self.rule = rule or (lambda number, path: None)

    def one_request(self, rfile, wfile):
        line = rfile.readline().split()
        if len(line) < 3:
            return False
        method, path = line[0].decode(), line[1].decode()
        headers = http.client.parse_headers(rfile)
        body = read_body(rfile, headers)
        with self.lock:
            number = len(self.seen)
            self.seen.append(path.strip("/").split("?")[0])
        action = self.rule(number, self.seen[number])
        if action == CUT:
            return False
        if isinstance(action, (int, float)):
            time.sleep(action)
        if isinstance(action, tuple):
            status, answer_headers, answer = action[1], {}, b""
        else:
            try:
                status, answer_headers, answer = self.forward(method, path, headers, body)
            except (OSError, http.client.HTTPException):
                return False  # the server died; the client sees it as it would without us
        if action == LOSE:
            return False
        head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(answer)}\r\n"
        for name, value in answer_headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                head += f"{name}: {value}\r\n"
        try:
            wfile.write(head.encode() + b"\r\n" + answer)
        except ConnectionError:
            return False  # a client that aborted has hung up
        return True

    def forward(self, method, path, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)
        skip = ("content-length", "transfer-encoding", "connection", "host")
        kept = {name: value for name, value in headers.items() if name.lower() not in skip}
        try:
            connection.request(method, path, body=body, headers=kept)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def close(self):
        self.tcp.shutdown()
        self.tcp.server_close()


def read_body(rfile, headers):
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int(rfile.readline().split(b";")[0], 16):
            body += rfile.read(size)
            rfile.readline()
        rfile.readline()
        return body
    return rfile.read(int(headers.get("content-length", 0)))
