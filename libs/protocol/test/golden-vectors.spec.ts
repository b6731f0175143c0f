import { createHash, createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import {
  decodeFrame,
  decodeFrameHeader,
  encodeFrameHeader,
  FrameDecoder,
  parseManifest,
  parseSyncPlan,
  PROTOCOL_VERSION,
  schemaFingerprint,
  schemaVersion,
  TableHasher,
  type FrameHeader,
  type HeldTable,
  type Manifest,
  type SyncPlan,
  type TableContent,
  type TableSchema,
} from '../src';
import { cut, factsOf, toBytes, type ChunkFacts, type TestRow } from './canonical-rows';

/**
 * What the vectors of each protocol version hash to. A vector that changes is a changed protocol: raise
 * PROTOCOL_VERSION and add a line. Only for vectors that are added, all others being the same, replace the last one.
 */
const vectorsOfVersion: Record<number, string> = {
  1: 'ad804ab7d62d3dbc06c930926b8124d48b642beea0245b9904509f8b75f99771',
};

const folder = join(__dirname, 'vectors');
const files = readdirSync(folder).toSorted();

function read(file: string): unknown {
  return JSON.parse(readFileSync(join(folder, file), 'utf8'));
}

type FrameFields = Omit<FrameHeader, 'digest'> & { digest: string };

function withHexDigest(header: FrameHeader): FrameFields {
  return { ...header, digest: header.digest.toString('hex') };
}

function sha256(content: string | Buffer): Buffer {
  return createHash('sha256').update(content).digest();
}

describe('the golden vectors', () => {
  it('are those of this protocol version', () => {
    const hash = createHash('sha256');
    for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(folder, file)));
    expect(hash.digest('hex')).toBe(vectorsOfVersion[PROTOCOL_VERSION]);
  });

  it('are of the latest version in the list', () => {
    expect(Math.max(...Object.keys(vectorsOfVersion).map(Number))).toBe(PROTOCOL_VERSION);
    expect(files.map((file) => (read(file) as { protocolVersion: number }).protocolVersion)).toEqual(
      files.map(() => PROTOCOL_VERSION),
    );
  });
});

interface RowsCase {
  case: string;
  schema: Pick<TableSchema, 'name' | 'columns' | 'key'>;
  fingerprint: string;
  rows: string[];
  chunks: ChunkFacts[];
  content: TableContent;
}

describe.each((read('canonical-rows.json') as { cases: RowsCase[] }).cases)(
  'canonical rows: $case',
  (vector) => {
    it('have the chunks and the checksum of the vector', () => {
      const chunks = cut([Buffer.from(vector.rows.join(''))], vector.schema.key.length);
      const hasher = new TableHasher(vector.fingerprint);
      for (const chunk of chunks) hasher.add(chunk);
      expect(factsOf(chunks)).toEqual(vector.chunks);
      expect(hasher.finish()).toEqual(vector.content);
      expect(schemaFingerprint(vector.schema)).toBe(vector.fingerprint);
    });
  },
);

describe('chunk boundaries', () => {
  interface Boundaries {
    keys: { key: string; crc32: string; endsChunkFromRowBytes: number }[];
    cases: { case: string; rows: { first: number; last: number; fill: number }[]; chunks: ChunkFacts[] }[];
  }
  const { keys, cases } = read('chunk-boundaries.json') as Boundaries;

  it.each(keys)('follow the CRC-32 of the key $key and the size of its row', (vector) => {
    const key = Buffer.from(vector.key);
    const keyColumns = vector.key.split('\t').length;
    const chunksOf = (rowBytes: number): number => {
      const row = [key, Buffer.from('\t'), Buffer.alloc(rowBytes - key.length - 2, 'x'), Buffer.from('\n')];
      return cut([...row, Buffer.from(`~${'\t'.repeat(keyColumns)}\n`)], keyColumns).length;
    };
    const least = vector.endsChunkFromRowBytes;
    const sizes = [key.length + 2, least - 1, least, least + 1].filter((size) => size >= key.length + 2);
    expect(crc32(key).toString(16).padStart(8, '0')).toBe(vector.crc32);
    expect(sizes.map(chunksOf)).toEqual(sizes.map((size) => (size < least ? 1 : 2)));
  });

  it.each(cases)('are those of the vector: $case', ({ rows, chunks }) => {
    const made = rows.flatMap(({ first, last, fill }) =>
      Array.from({ length: last - first + 1 }, (_, index): TestRow => ({ key: String(first + index), fill })),
    );
    expect(factsOf(cut([toBytes(made)]))).toEqual(chunks);
  });
});

describe('schemas', () => {
  interface Schemas {
    schemas: (Pick<TableSchema, 'name' | 'columns' | 'key'> & { hashed: string; fingerprint: string })[];
    versions: { tables: TableSchema[]; hashed: string; schemaVersion: string }[];
  }
  const vectors = read('schema.json') as Schemas;

  it.each(vectors.schemas)('have the fingerprint of the vector: $name', (vector) => {
    expect(schemaFingerprint(vector)).toBe(vector.fingerprint);
    expect(sha256(vector.hashed).toString('hex')).toBe(vector.fingerprint);
  });

  it.each(vectors.versions)('have the schema version of the vector: $tables.length tables', (vector) => {
    expect(schemaVersion(vector.tables)).toBe(vector.schemaVersion);
    expect(sha256(vector.hashed).toString('hex')).toBe(vector.schemaVersion);
  });
});

describe('frames', () => {
  interface Frames {
    headers: { fields: FrameFields; hex: string }[];
    payload: { frames: { fields: FrameFields; header: string; block: string; content: string }[] };
  }
  const { headers, payload } = read('frames.json') as Frames;

  it.each(headers)('have the header of the vector: $fields.kind', ({ fields, hex }) => {
    const header = { ...fields, digest: Buffer.from(fields.digest, 'hex') };
    expect(encodeFrameHeader(header).toString('hex')).toBe(hex);
    expect(withHexDigest(decodeFrameHeader(Buffer.from(hex, 'hex')))).toEqual(fields);
  });

  it('have the content of the vector', () => {
    const bytes = payload.frames.map(({ header, block }) => Buffer.from(header + block, 'hex'));
    const frames = new FrameDecoder().push(Buffer.concat(bytes));
    expect(frames.map((frame) => withHexDigest(frame.header))).toEqual(
      payload.frames.map(({ fields }) => fields),
    );
    const contents = frames.slice(0, -1).map((frame) => decodeFrame(frame).toString());
    expect(contents).toEqual(payload.frames.slice(0, -1).map(({ content }) => content));
  });
});

describe('the manifest', () => {
  interface Signed {
    payload: string;
    manifest: Manifest;
    signed: { thumbprint: string; jws: string };
    plan: { held: HeldTable[]; plan: SyncPlan };
  }
  const vector = read('manifest.json') as Signed;

  it('reads as that of the vector', () => {
    expect(parseManifest(vector.payload)).toEqual(vector.manifest);
  });

  it('is what the JWS of the vector carries, under the key with its thumbprint', () => {
    const [header, payload, signature] = vector.signed.jws.split('.') as [string, string, string];
    const { alg, typ, jwk } = JSON.parse(Buffer.from(header, 'base64url').toString()) as {
      alg: string;
      typ: string;
      jwk: { kty: string; crv: string; x: string };
    };
    // RFC 7638, 3: the required members in lexicographic order.
    const thumbprint = sha256(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x })).toString('base64url');
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const signed = Buffer.from(`${header}.${payload}`);
    expect({ alg, typ, thumbprint }).toEqual({
      alg: 'EdDSA',
      typ: 'rivulet-manifest',
      thumbprint: vector.signed.thumbprint,
    });
    expect(verify(null, signed, key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(Buffer.from(payload, 'base64url').toString()).toBe(vector.payload);
  });

  it('goes with the plan of the vector', () => {
    const { held, plan } = vector.plan;
    expect(parseSyncPlan(plan, vector.manifest, held)).toEqual(plan);
  });
});
