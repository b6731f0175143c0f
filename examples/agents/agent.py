"""A small agent: registers with central over TCP, sends heartbeats, and connects again when the connection ends.

    RIVULET_AGENT_TOKEN=rvt_… python3 agent.py [host] [port] [name]

The token comes from POST /agent/register, for a registration token. With RIVULET_AGENT_TLS=true the connection is TLS.
"""

import json
import os
import random
import socket
import ssl
import sys
import time
from datetime import datetime, timezone

HOST, PORT, NAME = (sys.argv[1:] + ["localhost", "4470", "tenant-1"][len(sys.argv) - 1 :])[:3]
TOKEN = os.environ.get("RIVULET_AGENT_TOKEN", "")
MAX_LINE = 262_144


def message(type_, data, id_=None):
    envelope = {"type": type_, "agent_name": NAME, "status": "online", "data": data}
    envelope["timestamp"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    if id_ is not None:
        envelope["id"] = id_
    return json.dumps(envelope).encode() + b"\n"


def figures():
    return {"cpu_usage": round(os.getloadavg()[0] * 100, 1)}


def connect():
    plain = socket.create_connection((HOST, int(PORT)), timeout=10)
    if os.environ.get("RIVULET_AGENT_TLS") != "true":
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=HOST)


def session():
    """One connection, until it ends. Returns the seconds that central asks to wait."""
    retry_after, interval, beats, rest = 0, None, 0, b""
    with connect() as connection:
        connection.sendall(message("REGISTER", {"version": "1.0.0", "os": sys.platform, "token": TOKEN}))
        heard = next_beat = time.monotonic()
        while True:
            now = time.monotonic()
            # A central that is gone without a word acknowledges no heartbeat.
            if now - heard > 3 * (interval or 10):
                return retry_after
            if interval and now >= next_beat:
                beats += 1
                connection.sendall(message("HEARTBEAT", figures(), f"beat-{beats}"))
                next_beat = now + interval
            connection.settimeout(max(0.01, next_beat - now) if interval else 10)
            try:
                received = connection.recv(65_536)
            except TimeoutError:
                continue
            if received == b"" or len(rest) > MAX_LINE:
                return retry_after
            heard = time.monotonic()
            *lines, rest = (rest + received).split(b"\n")
            for line in lines:
                answer = json.loads(line)
                data = answer["data"]
                if answer["type"] == "ACK" and data["of"] == "REGISTER":
                    interval = data["heartbeat_seconds"]
                    next_beat = heard + interval
                    print(f"registered, a heartbeat every {interval:g} s", flush=True)
                elif answer["type"] == "ACK":
                    print(f"acknowledged {data['of']}", flush=True)
                elif answer["type"] == "ERROR":
                    retry_after = data.get("retry_after_seconds", 0)
                    print(f"error {data['code']}: {data['message']}", flush=True)
                else:
                    print(f"received {answer['type']}", flush=True)
                if answer["type"] in ("JOB", "CONFIG"):
                    refusal = {"of": answer["type"], "id": answer["id"], "code": "AGENT_DATA_REFUSED"}
                    refusal["message"] = f"This agent takes no {answer['type']}."
                    connection.sendall(message("ERROR", refusal))


failures = 0
while True:
    began, wait = time.monotonic(), 0
    try:
        wait = session()
    except OSError as error:
        print(f"no connection: {error}", flush=True)
    failures = 0 if time.monotonic() - began > 60 else failures + 1
    # Full jitter, so that agents whose central has restarted do not all come back at once.
    time.sleep(wait + random.uniform(0, min(60, 2**failures)))
