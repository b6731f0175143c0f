"""Canonical rows, chunks, checksums, fingerprints and patches: sections 2 to 5 and 10 of docs/protocol.md."""
import hashlib, json, re, zlib

CHUNK_MAX_BYTES = 262_144
NUMBER = rb"(0|[1-9]\d{0,9})"
RANGE = b" ".join([NUMBER] * 4) + b"\n"


def must(condition):
    """What the callers make of a ValueError, here and elsewhere, is that the input is not valid."""
    if not condition:
        raise ValueError


def unescape(text):
    letters = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
    return re.sub(rb"\\(.)", lambda found: letters.get(found[1], found[1]), text)


# The keys that this client can sort. If a table has a key of a different type, it asks for no patches.
ORDERS = {"smallint": int, "integer": int, "bigint": int, "boolean": bytes, "uuid": bytes, "text": unescape}


def orders_of(table):
    return [ORDERS.get(column["type"]) for column in table["columns"][: len(table["key"])]]


def chunks_of(rows, table):
    """Lists of consecutive rows."""
    chunk, size = [], 0
    for row in rows:
        if chunk and size + len(row) > CHUNK_MAX_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += len(row)
        if len(row) > zlib.crc32(b"\t".join(row[:-1].split(b"\t")[: len(table["key"])])) >> 16:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def checksum_of(table, digests):
    return sha256(b"rivulet table 1\n" + bytes.fromhex(table["fingerprint"] + "".join(digests)))


def read_back(path, table):
    """Rows, bytes and checksum of what is on the disk."""
    rows, size, digests = 0, 0, []
    with open(path, "rb") as file:
        for chunk in chunks_of(file, table):
            content = b"".join(chunk)
            rows, size = rows + len(chunk), size + len(content)
            digests.append(sha256(content))
    return rows, size, checksum_of(table, digests)


def patched(chunks, contents, table):
    """The rows of `chunks` after patches, which change spans of these. Takes as much memory as the table."""

    def key_of(line):
        return tuple(order(text) for order, text in zip(orders_of(table), line.rstrip(b"\n").split(b"\t")))

    spans, done = {}, 0
    for content in contents:
        must(content.endswith(b"\n"))
        lines = re.findall(rb"[^\n]*\n", content)
        while lines:
            position, count, keys, rows = map(int, re.fullmatch(RANGE, lines.pop(0)).groups())
            must(position + count <= len(chunks) and keys + rows <= len(lines))
            old = (row for chunk in chunks[position : position + count] for row in chunk)
            _, span = spans.setdefault(position, (count, {key_of(row): row for row in old}))
            for key in lines[:keys]:
                span.pop(key_of(key), None)
            span.update((key_of(row), row) for row in lines[keys : keys + rows])
            del lines[: keys + rows]
    for position, (count, span) in sorted(spans.items()):
        must(position >= done)
        yield from (row for chunk in chunks[done:position] for row in chunk)
        yield from (row for _, row in sorted(span.items()))
        done = position + count
    yield from (row for chunk in chunks[done:] for row in chunk)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def to_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def fingerprint_of(table):
    columns = [[column["name"], column["type"]] for column in table["columns"]]
    return sha256(to_json(["rivulet schema 1", table["name"], columns, table["key"]]).encode())


def schema_version_of(tables):
    texts = []
    for t in sorted(tables, key=lambda t: t["name"].encode("utf-16-be")):
        fields = to_json([t[n] for n in ("name", "fingerprint", "schema", "table", "indexes", "grants", "onRemove")])
        texts.append(f"{fields[:-1]},{t.get('maxDeletedShare', 'null')}]")
    return sha256(f'["rivulet schema version 1",[{",".join(texts)}]]'.encode())
