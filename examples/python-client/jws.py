"""A signed manifest: a JWS with an Ed25519 signature (section 6 of docs/protocol.md; RFC 7515, 7638, 8032, 8037).

Verification takes about 5 ms. It handles nothing secret, so it need not run in constant time. Do not sign with this.
"""
import base64, hashlib, json
from canonical import must, to_json

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def add(a, b):
    """Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, x·y = T/Z."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def decode_point(data):
    """None if the bytes are no point of the curve, or not its only encoding."""
    y, sign = int.from_bytes(data, "little") & (2**255 - 1), data[31] >> 7
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def verify(public_key, message, signature):
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, r, s = decode_point(public_key), decode_point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % ORDER
    left, right = multiply(s, BASE), add(r, multiply(h, key))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def base64url(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def read_jws(jws, trusted):
    """The payload, and the thumbprint of the key. `trusted` is None before the first manifest."""
    head, body, signature = jws.split(".")
    header = json.loads(base64url(head))
    jwk = {name: header["jwk"][name] for name in ("crv", "kty", "x")}
    digest = hashlib.sha256(to_json(jwk).encode()).digest()
    thumbprint = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    must((header["alg"], header["typ"]) == ("EdDSA", "rivulet-manifest") and trusted in (None, thumbprint))
    must((jwk["crv"], jwk["kty"]) == ("Ed25519", "OKP"))
    must(verify(base64url(jwk["x"]), f"{head}.{body}".encode(), base64url(signature)))
    return base64url(body), thumbprint
