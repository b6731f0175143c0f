import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import {
  compareChunkLists,
  compareRows,
  decodeFrame,
  decodeFrameHeader,
  encodeFrameHeader,
  FrameDecoder,
  parsePatch,
  PatchWriter,
  PROTOCOL_VERSION,
  schemaFingerprint,
  schemaVersion,
  TableHasher,
  type ChunkSpan,
  type FrameHeader,
  type PatchRange,
  type TableContent,
  type TableSchema,
} from '../src';
import { cut, digestsOf, factsOf, toBytes, type ChunkFacts, type TestRow } from './canonical-rows';
import { readVectors, vectorsFolder } from './read-vectors';
import { refusalOf } from './refusal';

/**
 * What the vectors of each protocol version hash to. A vector that changes is a changed protocol: raise
 * PROTOCOL_VERSION and add a line. Only for vectors that are added, all others being the same, replace the last one.
 */
const vectorsOfVersion: Record<number, string> = {
  1: 'b380cd8467672a38b2ca873deabba4d555ba2e9da2034362d60d9ef3900d66e8',
};

const files = readdirSync(vectorsFolder).toSorted();

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
    for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(vectorsFolder, file)));
    expect(hash.digest('hex')).toBe(vectorsOfVersion[PROTOCOL_VERSION]);
  });

  it('are of the latest version in the list', () => {
    expect(Math.max(...Object.keys(vectorsOfVersion).map(Number))).toBe(PROTOCOL_VERSION);
    expect(files.map((file) => (readVectors(file) as { protocolVersion: number }).protocolVersion)).toEqual(
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

describe.each((readVectors('canonical-rows.json') as { cases: RowsCase[] }).cases)(
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

/** Rows with the keys from `first` to `last`, filled alike. */
interface Run {
  first: number;
  last: number;
  fill: number;
  letter?: string;
}

function rowsOf(runs: Run[]): TestRow[] {
  return runs.flatMap(({ first, last, ...rest }) =>
    Array.from({ length: last - first + 1 }, (_, index) => ({ key: String(first + index), ...rest })),
  );
}

describe('chunk boundaries', () => {
  interface Boundaries {
    keys: { key: string; crc32: string; endsChunkFromRowBytes: number }[];
    cases: { case: string; rows: Run[]; chunks: ChunkFacts[] }[];
  }
  const { keys, cases } = readVectors('chunk-boundaries.json') as Boundaries;

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
    expect(factsOf(cut([toBytes(rowsOf(rows))]))).toEqual(chunks);
  });
});

describe('schemas', () => {
  interface Schemas {
    schemas: (Pick<TableSchema, 'name' | 'columns' | 'key'> & { hashed: string; fingerprint: string })[];
    versions: { tables: TableSchema[]; hashed: string; schemaVersion: string }[];
  }
  const vectors = readVectors('schema.json') as Schemas;

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
  const { headers, payload } = readVectors('frames.json') as Frames;

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

describe('frames with zlib', () => {
  interface ZlibFrames {
    frames: { fields: FrameFields; header: string; block: string; content: string }[];
  }

  it.each((readVectors('zlib-frames.json') as ZlibFrames).frames)(
    'have the content of the vector: $fields.kind',
    ({ fields, header, block, content }) => {
      const [frame] = new FrameDecoder().push(Buffer.from(header + block, 'hex'));
      expect(withHexDigest(frame!.header)).toEqual(fields);
      expect(decodeFrame(frame!).toString()).toBe(content);
    },
  );
});

function withoutLf(line: Buffer): string {
  return line.toString().slice(0, -1);
}

/** A range whose lines are texts, without their line feeds. */
interface TextRange {
  position: number;
  count: number;
  deletedKeys: string[];
  rows: string[];
}

function toText({ position, count, deletedKeys, rows }: PatchRange): TextRange {
  return { position, count, deletedKeys: deletedKeys.map(withoutLf), rows: rows.map(withoutLf) };
}

/** The ranges of consecutive contents of one table. */
function readAll(contents: string[], baseChunks: number): TextRange[] {
  const ranges: PatchRange[] = [];
  for (const text of contents) ranges.push(...parsePatch(Buffer.from(text), baseChunks, ranges.at(-1)));
  return ranges.map(toText);
}

describe('patches', () => {
  interface Patches {
    tables: {
      case: string;
      base: { rows: Run[]; chunks: ChunkFacts[] };
      target: { rows: Run[]; chunks: ChunkFacts[] };
      spans: ChunkSpan[];
      ranges: TextRange[];
      content: string;
      frame: { fields: FrameFields; header: string; block: string };
    }[];
    contents: { case: string; baseChunks: number; contents: string[]; ranges: TextRange[] }[];
    refused: { case: string; baseChunks: number; contents: string[] }[];
  }
  const vectors = readVectors('patches.json') as Patches;

  it.each(vectors.tables)('lead from the base of the vector to its target: $case', (vector) => {
    const [base, target] = [vector.base, vector.target].map(({ rows }) =>
      cut([toBytes(rowsOf(rows))], 1, true),
    ) as [ReturnType<typeof cut>, ReturnType<typeof cut>];
    expect([factsOf(base), factsOf(target)]).toEqual([vector.base.chunks, vector.target.chunks]);
    const spans = compareChunkLists(digestsOf(factsOf(base)), digestsOf(factsOf(target)));
    expect(spans).toEqual(vector.spans);

    const writer = new PatchWriter();
    const contentOf = (chunks: typeof base): Buffer => Buffer.concat(chunks.map(({ content }) => content));
    for (const { position, count, newPosition, newCount } of spans) {
      const old = contentOf(base.slice(position, position + count));
      const now = contentOf(target.slice(newPosition, newPosition + newCount));
      expect(writer.add({ position, count, ...compareRows(old, now, 1) })).toEqual([]);
    }
    const contents = writer.end();
    expect(contents.map(({ content }) => content.toString())).toEqual([vector.content]);
    expect(contents[0]!.rows).toBe(vector.frame.fields.rows);
    expect(readAll([vector.content], base.length)).toEqual(vector.ranges);
  });

  it.each(vectors.tables)('travel in the frame of the vector: $case', ({ frame, content }) => {
    const [sent] = new FrameDecoder().push(Buffer.from(frame.header + frame.block, 'hex'));
    expect(withHexDigest(sent!.header)).toEqual(frame.fields);
    expect(decodeFrame(sent!).toString()).toBe(content);
  });

  it.each(vectors.contents)('are read as in the vector: $case', ({ contents, baseChunks, ranges }) => {
    expect(readAll(contents, baseChunks)).toEqual(ranges);
  });

  it.each(vectors.refused)('are refused as in the vector: $case', ({ contents, baseChunks }) => {
    expect(() => readAll(contents.slice(0, -1), baseChunks)).not.toThrow();
    expect(refusalOf(() => readAll(contents, baseChunks)).code).toBe('FRAME_INVALID');
  });
});
