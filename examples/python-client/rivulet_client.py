#!/usr/bin/env python3
"""One sync of a device into a folder of plain files, after docs/protocol.md. Python 3.11, standard library only.

`state.json` says what was applied. Each of its "tables" has its rows in the file `<checksum>.rows`, as PostgreSQL's COPY
prints and reads them. Replacing state.json is the commit: a reader opens it first, and the files that it names.
"""
import argparse, contextlib, fcntl, hashlib, http.client, json, os, pathlib, random, re, secrets, struct, sys
import time, urllib.error, urllib.request, zlib
from canonical import checksum_of, chunks_of, fingerprint_of, must, orders_of, patched, read_back
from canonical import schema_version_of, sha256, to_json
from jws import read_jws

FRAMES = "application/vnd.rivulet.frames"
HEADER = struct.Struct(">BBHIIII32s")
CONTENT_MAX_BYTES, ANSWER_MAX_BYTES = 16_908_288, 64 * 2**20
TRANSIENT = """CENTRAL_UNREACHABLE REQUEST_TIMEOUT SERVER_BUSY SHUTTING_DOWN SOURCE_UNAVAILABLE DATABASE_UNAVAILABLE
DATABASE_INTERRUPTED DATABASE_FULL""".split()
ULID, SHA256 = r"[0-7][0-9A-HJKMNP-TV-Z]{25}", r"[0-9a-f]{64}"


class Failure(Exception):
    """`again`: None · "call": the same call, later · "request": a new request · "chunks": one without patches"""

    def __init__(self, code, message, again=None, wait=0.0):
        super().__init__(f"{code}: {message}")
        self.code, self.again, self.wait = code, again, wait


@contextlib.contextmanager
def refusing(code, message, again=None):
    """Whatever Python raises about wrong input, and whatever `must` finds, is this failure."""
    try:
        yield
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, zlib.error):
        raise Failure(code, message, again) from None


# The answers of central (sections 6 to 9)
def read_manifest(jws, mac, nonce, trusted):
    """The manifest, and the thumbprint of its key. `trusted` is None before the first manifest."""
    with refusing("MANIFEST_SIGNATURE_INVALID", "The manifest is not signed by the trusted key."):
        payload, thumbprint = read_jws(jws, trusted)
    with refusing("MANIFEST_INVALID", "The manifest is not for this request, or contradicts itself."):
        # A share stays the text that it is, as that is part of the schema version.
        manifest = json.loads(payload, parse_float=str)
        if manifest["protocolVersion"] != 1:
            raise Failure("SCHEMA_UNSUPPORTED", f"The manifest has version {manifest['protocolVersion']}.")
        tables = manifest["tables"]
        must(manifest["macAddress"] == mac and manifest["nonce"] == nonce and len(tables) <= 1000)
        must(type(manifest["epoch"]) is type(manifest["sequence"]) is int and re.fullmatch(ULID, manifest["manifestId"]))
        must(len({t["name"] for t in tables}) == len({(t["schema"], t["table"]) for t in tables}) == len(tables))
        for t in tables:
            names = [column["name"] for column in t["columns"]]
            must(t["key"] and names[: len(t["key"])] == t["key"] and len(set(names)) == len(names))
            must(t["fingerprint"] == fingerprint_of(t) and re.fullmatch(SHA256, t["checksum"]))
            must(type(t["rows"]) is type(t["bytes"]) is int and t["onRemove"] in ("keep", "drop"))
        must(manifest["schemaVersion"] == schema_version_of(tables))
    return manifest, thumbprint


def check_plan(plan, manifest, held, chunks_only):
    """Table, action and digests of each table, once they are found to lead to the manifest."""
    with refusing("CENTRAL_RESPONSE_INVALID", "The plan does not lead to the manifest."):
        steps = []
        for table, step in zip(manifest["tables"], plan["tables"], strict=True):
            action, has = step["action"], held.get(table["name"], {})
            digests = {"load": step.get("chunks"), "patch": step.get("frames"), "keep": []}[action]
            must(step["name"] == table["name"] and all(re.fullmatch(SHA256, digest) for digest in digests))
            must(action == "load" or has["fingerprint"] == table["fingerprint"])
            must(action != "load" or checksum_of(table, digests) == table["checksum"])
            must(action != "keep" or has["checksum"] == table["checksum"])
            must(action != "patch" or (digests and not chunks_only))
            steps.append((table, action, digests))
        return steps


def read_frames(stream, wanted):
    """Yields digest and content of each frame that arrives whole. `wanted`: digests by number"""

    def read(size):
        data = stream.read(size)
        if len(data) < size:
            raise Failure("CENTRAL_UNREACHABLE", "The payload ended before its end frame.", "call")
        return data

    while True:
        kind, encoding, _, number, _, size, block_size, digest = HEADER.unpack(read(HEADER.size))
        if kind == 127:
            return
        with refusing("FRAME_INVALID", f"Frame {number} is not the one that was requested, or damaged.", "call"):
            must(kind in (1, 2) and encoding in (0, 2) and max(size, block_size) <= CONTENT_MAX_BYTES)
            must(wanted.get(number) == digest.hex())
            block = read(block_size)
            content = block if encoding == 0 else zlib.decompressobj().decompress(block, size + 1)
            must(len(content) == size and hashlib.sha256(content).digest() == digest)
        yield digest.hex(), content


def read_json(answer):
    with refusing("CENTRAL_RESPONSE_INVALID", "The answer is no JSON object of up to 64 MiB."):
        text = answer.read(ANSWER_MAX_BYTES + 1)
        must(len(text) <= ANSWER_MAX_BYTES)
        return dict(json.loads(text))


def problem_of(answer):
    code = "CENTRAL_UNREACHABLE" if answer.status in (408, 429) or answer.status >= 500 else "CENTRAL_RESPONSE_INVALID"
    detail, wait = f"HTTP status {answer.status}", answer.headers.get("Retry-After", "")
    with contextlib.suppress(ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        problem = json.loads(answer.read(65_536))
        code, detail = str(problem["code"]), str(problem["detail"])
    again = "call" if code in TRANSIENT else "request" if code in ("MANIFEST_UNKNOWN", "MANIFEST_EXPIRED") else None
    return Failure(code, detail, again, float(wait) if wait.isdigit() else 0.0)


class Central:
    def __init__(self, url, mac, retry_delay):
        self.url, self.retry_delay = f"{url.rstrip('/')}/api/device-sync/", retry_delay
        self.headers = {"X-Device-Mac": mac, "Accept": f"application/json, {FRAMES}; blocks=zlib"}

    def call(self, path_of, read, body=None, timeout=30.0):
        """Returns what `read` makes of the answer. Section 15 says what is worth a retry."""
        data, types = (to_json(body).encode(), {"Content-Type": "application/json"}) if body else (None, {})
        for attempt in range(5):
            request = urllib.request.Request(self.url + path_of(), data, self.headers | types)
            try:
                with urllib.request.urlopen(request, timeout=timeout) as answer:
                    return read(answer)
            except urllib.error.HTTPError as error:
                failure = problem_of(error)
            except (OSError, http.client.HTTPException) as error:
                failure = Failure("CENTRAL_UNREACHABLE", repr(error), "call")
            except Failure as error:
                failure = error
            if failure.again != "call" or attempt == 4 or failure.wait > 60:
                raise failure
            time.sleep(max(failure.wait, self.retry_delay * 2**attempt * random.uniform(1, 2)))


# The device (sections 1, 8 and 11)
class Device:
    def __init__(self, folder, mac, trusted, central):
        self.folder, self.mac, self.trusted, self.central = folder, mac, trusted, central
        state = folder / "state.json"
        self.state = json.loads(state.read_text()) if state.exists() else {"position": [-1, -1], "tables": {}}

    def sync(self, chunks_only=False):
        self.acknowledge()
        held = {}
        for name, table in self.state["tables"].items():
            chunks_only = chunks_only or None in orders_of(table)
            if self.rows_of(table).exists():
                checksum = read_back(self.rows_of(table), table)[2]
                held[name] = {"name": name, "fingerprint": table["fingerprint"], "checksum": checksum}
        nonce = secrets.token_urlsafe(16)
        body = {"protocolVersion": 1, "nonce": nonce, "tables": list(held.values()), "wholeTables": chunks_only}
        body |= {name: self.state[name] for name in ("lastManifestId", "schemaVersion", "lastEpoch", "lastSequence") if name in self.state}
        answer = self.central.call(lambda: "request", read_json, body, timeout=600.0)
        if answer.get("status") == "current":
            with refusing("CENTRAL_RESPONSE_INVALID", "Central names a manifest that was not applied last."):
                must(answer["manifestId"] == self.state["lastManifestId"])
            return {"status": "current", "manifestId": answer["manifestId"]}
        trusted = self.trusted or self.state.get("thumbprint")
        manifest, thumbprint = read_manifest(answer.get("manifest"), self.mac, nonce, trusted)
        steps = check_plan(answer.get("plan"), manifest, held, chunks_only)
        self.fetch(manifest["manifestId"], [digest for *_, digests in steps for digest in digests])
        with refusing("MANIFEST_STALE", "A later manifest has been applied."):
            must([manifest["epoch"], manifest["sequence"]] > self.state["position"])
        for step in steps:
            self.write(*step)
        self.commit(manifest, thumbprint)
        self.acknowledge()
        actions = {table["name"]: action for table, action, _ in steps}
        return {"status": "applied", "manifestId": manifest["manifestId"], "actions": actions}

    def fetch(self, manifest_id, digests):
        """Frames that have arrived before, for example before a download broke, are not fetched again."""
        numbers = {digest: number for number, digest in enumerate(digests)}

        def missing():
            return {number: digest for digest, number in numbers.items() if not self.frame_of(digest).exists()}

        def keep(answer):
            with refusing("CENTRAL_RESPONSE_INVALID", "The answer has no frames."):
                must(answer.headers.get_content_type() == FRAMES)
            for digest, content in read_frames(answer, missing()):
                write_file(self.frame_of(digest), [content])

        def path():
            ranges = ",".join(f"{number}-{number}" for number in sorted(missing())[:150])
            return f"manifests/{manifest_id}/payload?frames={ranges}"

        while missing():
            self.central.call(path, keep)

    def write(self, table, action, digests):
        """Writes the file of a table and reads it back. Nothing names it yet."""
        if action == "keep":
            return

        def contents():
            for digest in digests:
                content = self.frame_of(digest).read_bytes()
                if sha256(content) != digest:
                    self.frame_of(digest).unlink()
                    raise Failure("FRAME_INVALID", "A frame on the disk was damaged; the next sync fetches it again.")
                yield content

        rows, again = contents(), None
        with refusing("FRAME_INVALID", f"A patch of {table['name']} is not valid.", "chunks"):
            if action == "patch":
                again = "chunks"
                with open(self.rows_of(self.state["tables"][table["name"]]), "rb") as file:
                    rows = patched(list(chunks_of(file, table)), rows, table)
            write_file(self.rows_of(table), rows)
        with refusing("CHECKSUM_MISMATCH", f"Table {table['name']} does not read back as the manifest says.", again):
            must(read_back(self.rows_of(table), table) == (table["rows"], table["bytes"], table["checksum"]))

    def commit(self, manifest, thumbprint):
        tables, known = {t["name"]: t for t in manifest["tables"]}, self.state.get("left", {}) | self.state["tables"]
        left = {name: t for name, t in known.items() if name not in tables and t["onRemove"] == "keep"}
        names = {"lastManifestId": manifest["manifestId"], "schemaVersion": manifest["schemaVersion"],
                 "lastEpoch": manifest["epoch"], "lastSequence": manifest["sequence"]}
        own = {"position": [manifest["epoch"], manifest["sequence"]], "thumbprint": thumbprint, "acknowledged": False}
        self.save(own | names | {"tables": tables, "left": left})
        named = {self.rows_of(table) for table in [*tables.values(), *left.values()]}
        for file in [*self.folder.glob("*.rows"), *self.folder.glob("*.frame")]:
            if file not in named:
                file.unlink()

    def acknowledge(self):
        """Reports what was applied, until central has confirmed or refused the report."""
        if self.state.get("acknowledged", True):
            return
        tables = [{name: t[name] for name in ("name", "rows", "checksum")} for t in self.state["tables"].values()]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        report = {"manifestId": self.state["lastManifestId"], "status": "applied", "tables": tables}
        report |= {"cycleId": ulid(), "finishedAt": now, "durationMs": 0}
        try:
            self.central.call(lambda: "acknowledgements", read_json, report)
        except Failure as failure:
            print(f"Central did not take the acknowledgement: {failure}", file=sys.stderr)
            if failure.code not in ("MANIFEST_UNKNOWN", "REQUEST_INVALID"):
                return
        self.save(self.state | {"acknowledged": True})

    def save(self, state):
        write_file(self.folder / "state.json", [to_json(state).encode()])
        self.state = state

    def rows_of(self, table):
        return self.folder / f"{table['checksum']}.rows"

    def frame_of(self, digest):
        return self.folder / f"{digest}.frame"


def write_file(path, pieces):
    """After a power failure the file is the old one or the new one."""
    with open(path.with_suffix(".new"), "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def ulid():
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> shift & 31] for shift in range(125, -5, -5))


def main():
    parser = argparse.ArgumentParser(description="One sync of a device into a folder of plain files.")
    parser.add_argument("--central", default="http://localhost:8080", help="the URL of central")
    parser.add_argument("--mac", required=True, help="the MAC address of the device, in lower case with colons")
    parser.add_argument("--folder", required=True, type=pathlib.Path, help="where the files are")
    parser.add_argument("--trust", help="the thumbprint of central's key; without it, the first key is trusted")
    parser.add_argument("--retry-delay", type=float, default=1.0, help="seconds before the first retry")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    fcntl.flock(lock := open(options.folder / "lock", "w"), fcntl.LOCK_EX)
    central = Central(options.central, options.mac, options.retry_delay)
    device = Device(options.folder, options.mac, options.trust, central)
    try:
        try:
            result = device.sync()
        except Failure as failure:
            if failure.again not in ("request", "chunks"):
                raise
            result = device.sync(chunks_only=failure.again == "chunks")
    except Failure as failure:
        result = {"status": "failed", "code": failure.code, "message": str(failure)}
    print(to_json(result))
    sys.exit(result["status"] == "failed")


main()
