"""A collector of one's own: receives the spans that `gand serve` sends by OTLP over HTTP, and looks at them.

Usage: otel.py GAND, a binary built with --features otel. Reads protobuf by itself, as far as it needs to.
"""
import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

PATIENCE = 60
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def fields(message):
    """The fields of a protobuf message: number and value (an integer, or bytes)."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        number, wire = key >> 3, key & 7
        if wire == 0:
            yield number, varint()
        elif wire == 2:
            size = varint()
            yield number, message[at : at + size]
            at += size
        else:
            size = {1: 8, 5: 4}[wire]
            yield number, int.from_bytes(message[at : at + size], "little")
            at += size


def within(message, *path):
    """The values at a path of field numbers."""
    values = [message]
    for number in path:
        values = [value for outer in values for found, value in fields(outer) if found == number]
    return values


def attributes(message, number):
    found = {}
    for pair in within(message, number):
        [key], [value] = within(pair, 1), within(pair, 2)
        for kind, inner in fields(value):
            found[key.decode()] = inner.decode() if kind == 1 else inner
    return found


class Collector(http.server.BaseHTTPRequestHandler):
    services, spans = set(), []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/v1/traces", self.path
        assert self.headers["content-type"] == "application/x-protobuf", self.headers
        for resource in within(body, 1):
            for described in within(resource, 1):
                self.services.add(attributes(described, 1).get("service.name"))
            for span in within(resource, 2, 2):
                one = lambda number, default=b"": next(iter(within(span, number)), default)
                self.spans.append(
                    {
                        "trace": one(1).hex(),
                        "parent": one(4).hex(),
                        "name": one(5).decode(),
                        "kind": one(6, 0),
                        **attributes(span, 9),
                    }
                )
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def ask(url, method="GET", body=None, **headers):
    data = json.dumps(body).encode() if body is not None else None
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=PATIENCE) as answer:
        return json.load(answer)


def main():
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_SERVICE_NAME": "gand-under-test",
        }
        command = [sys.argv[1], "serve", "--listen", "127.0.0.1:0", "--data-dir", folder, "--log", "warn"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        try:
            base = process.stdout.readline().split()[-1].rstrip("/")
            ask(f"{base}/jobs", traceparent=f"00-{TRACE}-{PARENT}-01")
            job = ask(f"{base}/jobs", "POST", {"dataset": "gaussian-1d", "recipe": "toy-1d", "training": {"steps": 5}})["id"]
            end = time.monotonic() + PATIENCE
            while ask(f"{base}/jobs/{job}")["status"] != "succeeded":
                assert time.monotonic() < end, "the job does not end"
            # What is left is sent at the end.
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    spans = Collector.spans
    assert Collector.services == {"gand-under-test"}, Collector.services
    [child] = [span for span in spans if span["trace"] == TRACE]
    assert child["parent"] == PARENT and child["name"] == "GET /jobs" and child["kind"] == 2, child
    assert child["http.route"] == "/jobs" and child["http.response.status_code"] == 200 and child["id"], child
    assert [span for span in spans if span["name"] == "POST /jobs" and span["http.response.status_code"] == 201]
    assert [span for span in spans if span["name"] == "job" and span["id"] == job], {span["name"] for span in spans}
    print(f"{len(spans)} spans received, with their parents, routes, statuses and jobs")


main()
