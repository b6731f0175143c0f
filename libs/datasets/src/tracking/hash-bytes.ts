/**
 * PostgreSQL's own hash functions, hashint4() and others, which are Bob Jenkins' lookup3: src/common/hashfn.c. As a
 * little-endian server computes them. Unsigned 32 bits.
 */
export function hashBytes(bytes: Buffer): number {
  const { length } = bytes;
  const start = (GOLDEN_RATIO + length + SEED) | 0;
  let state: State = [start, start, start];
  let place = 0;
  for (; length - place >= 12; place += 12) {
    state = mix(add(state, bytes.subarray(place, place + 12)));
  }
  const rest = Buffer.alloc(12);
  bytes.copy(rest, 0, place);
  // The lowest byte of the third word is left to the length.
  rest.copyWithin(9, 8, 11);
  rest[8] = 0;
  return finish(add(state, rest));
}

export function hashUint32(value: number): number {
  const start = (GOLDEN_RATIO + 4 + SEED) | 0;
  return finish([(start + value) | 0, start, start]);
}

/** Equal for equal numbers of whatever width. */
export function hashInteger(value: bigint): number {
  const low = Number(BigInt.asUintN(32, value));
  const high = Number(BigInt.asUintN(32, value >> 32n));
  return hashUint32(low ^ (value >= 0n ? high : ~high));
}

type State = [number, number, number];

const GOLDEN_RATIO = 0x9e3779b9;
const SEED = 3923095;

function add([a, b, c]: State, bytes: Buffer): State {
  return [(a + bytes.readInt32LE(0)) | 0, (b + bytes.readInt32LE(4)) | 0, (c + bytes.readInt32LE(8)) | 0];
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function mix([first, second, third]: State): State {
  let [a, b, c] = [first, second, third];
  a = (a - c) ^ rotate(c, 4);
  c = (c + b) | 0;
  b = (b - a) ^ rotate(a, 6);
  a = (a + c) | 0;
  c = (c - b) ^ rotate(b, 8);
  b = (b + a) | 0;
  a = (a - c) ^ rotate(c, 16);
  c = (c + b) | 0;
  b = (b - a) ^ rotate(a, 19);
  a = (a + c) | 0;
  c = (c - b) ^ rotate(b, 4);
  b = (b + a) | 0;
  return [a, b, c];
}

function finish([first, second, third]: State): number {
  let [a, b, c] = [first, second, third];
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}
