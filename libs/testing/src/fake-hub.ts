import { hash } from 'node:crypto';
import { RivuletError } from '@rivulet/errors';
import {
  ChunkCutter,
  compareChunkLists,
  compareRows,
  encodeBlock,
  FRAME_HEADER_BYTES,
  holds,
  MANIFEST_JWS_TYPE,
  PatchWriter,
  PROTOCOL_VERSION,
  schemaFingerprint,
  schemaVersion,
  statementTypes,
  TableHasher,
  type Acknowledgement,
  type Chunk,
  type CurrentStatement,
  type Frame,
  type FrameKind,
  type FrameRange,
  type Manifest,
  type ManifestTable,
  type SyncRequest,
  type SyncResponse,
  type TablePlan,
  type TableSchema,
} from '@rivulet/protocol';
import {
  calculateJwkThumbprint,
  CompactSign,
  exportJWK,
  generateKeyPair,
  type CryptoKey,
  type JWK,
} from 'jose';
import { monotonicFactory } from 'ulid';

/** A dataset as a device may see it. Values are as COPY's text format writes them; rows are in key order. */
export interface FakeDataset extends TableSchema {
  rows: string[][];
}

/** The options of a mirror of which nothing is said. */
export const ordinary = { schema: 'public', grants: [] as string[], onRemove: 'keep' } as const;

/** A dataset of numbered texts, with that number as its key. */
export function numberedTexts(name: string, texts: string[]): FakeDataset {
  const columns = [
    { name: 'id', type: 'bigint' },
    { name: 'label', type: 'text' },
  ];
  const rows = texts.map((text, index) => [String(index + 1), text]);
  return { name, ...ordinary, table: name, columns, key: ['id'], indexes: [], rows };
}

/**
 * Central in memory, for one device: real chunks, patches, frames and checksums, and manifests that are really signed.
 * A table is patched when the device holds any content of it that was ever issued, and chunks when not. A test changes `datasets` and `position` between two calls, and replaces a method where central or the network is to fail.
 */
export class FakeHub {
  datasets: FakeDataset[] = [];
  /** The position of the manifest issued last. */
  position = { epoch: 1, sequence: 0 };

  readonly requests: SyncRequest[] = [];
  /** The ranges of each call of frames(). */
  readonly fetches: FrameRange[][] = [];
  readonly acknowledgements: Acknowledgement[] = [];

  private readonly issued = new Map<string, Frame[]>();
  /** Contents that were ever in a manifest, by checksum. */
  private readonly contents = new Map<string, CutDataset>();
  private readonly nextUlid = monotonicFactory();

  private constructor(
    private readonly macAddress: string,
    private readonly privateKey: CryptoKey,
    private readonly publicJwk: JWK,
    /** The thumbprint of the key that signs. */
    readonly thumbprint: string,
  ) {}

  static async create(macAddress: string): Promise<FakeHub> {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
    const publicJwk = await exportJWK(publicKey);
    return new FakeHub(macAddress, privateKey, publicJwk, await calculateJwkThumbprint(publicJwk));
  }

  async request(request: SyncRequest): Promise<SyncResponse> {
    this.requests.push(request);
    const { lastManifestId } = request;
    if (lastManifestId !== undefined && this.isCurrent(request)) {
      return { status: 'current', manifestId: lastManifestId, statement: await this.signCurrent(request) };
    }
    this.position.sequence += 1;
    const cut = this.datasets.map(cutDataset);
    const manifest = this.manifest(request, cut);
    const planned = cut.map((target, index) => this.planTable(request, target, index));
    for (const each of cut) this.contents.set(each.table.checksum, each);
    const frames = planned.flatMap((each) => each.frames);
    for (const [number, frame] of frames.entries()) frame.header.number = number;
    this.issued.set(manifest.manifestId, frames);
    const wireBytes = frames.reduce((sum, { block }) => sum + FRAME_HEADER_BYTES + block.length, 0);
    const plan = { tables: planned.map((each) => each.plan), wireBytes };
    return { status: 'update', manifest: await this.sign(manifest), plan };
  }

  /** As when retention has removed all older snapshots: until the next manifest nothing can be patched. */
  forgetBases(): void {
    this.contents.clear();
  }

  /** One frame at a time. */
  async *frames(manifestId: string, ranges: FrameRange[]): AsyncGenerator<Frame[], void> {
    this.fetches.push(ranges);
    const frames = this.find(manifestId);
    for (const { first, last } of ranges) {
      for (const frame of frames.slice(first, last + 1)) yield [frame];
    }
  }

  async acknowledge(acknowledgement: Acknowledgement): Promise<void> {
    this.find(acknowledgement.manifestId);
    this.acknowledgements.push(acknowledgement);
  }

  /** Central's word that the device has all that it may have. */
  async signCurrent({ nonce, lastManifestId }: SyncRequest, macAddress = this.macAddress): Promise<string> {
    const issuedAt = new Date().toISOString();
    return this.sign({ macAddress, nonce, manifestId: lastManifestId!, issuedAt }, statementTypes.current);
  }

  /** A compact JWS, as central makes it. */
  async sign(payload: Manifest | CurrentStatement, typ: string = MANIFEST_JWS_TYPE): Promise<string> {
    return new CompactSign(Buffer.from(JSON.stringify(payload)))
      .setProtectedHeader({ alg: 'EdDSA', typ, jwk: this.publicJwk })
      .sign(this.privateKey);
  }

  private planTable(request: SyncRequest, target: CutDataset, index: number): PlannedTable {
    const { name } = target.table;
    const own = request.tables.find((candidate) => candidate.name === name);
    if (holds(own, target.table)) return { plan: { name, action: 'keep' }, frames: [] };
    const base = own?.fingerprint === target.table.fingerprint ? this.contents.get(own.checksum) : undefined;
    const isPatched = base !== undefined && base.chunks.length > 0 && request.wholeTables !== true;
    const frames = isPatched ? patchFrames(base, target, index) : chunkFrames(target, index);
    const digests = frames.map(({ header }) => header.digest.toString('hex'));
    const plan: TablePlan = isPatched
      ? { name, action: 'patch', frames: digests }
      : { name, action: 'load', chunks: digests };
    return { plan, frames };
  }

  private manifest({ nonce }: SyncRequest, cut: CutDataset[]): Manifest {
    return {
      protocolVersion: PROTOCOL_VERSION,
      manifestId: this.nextUlid(),
      macAddress: this.macAddress,
      ...this.position,
      issuedAt: new Date().toISOString(),
      nonce,
      schemaVersion: schemaVersion(this.datasets),
      tables: cut.map(({ table }) => table),
    };
  }

  private isCurrent(request: SyncRequest): boolean {
    if (!this.issued.has(request.lastManifestId!)) return false;
    if (request.schemaVersion !== schemaVersion(this.datasets)) return false;
    return this.datasets.every((dataset) => {
      const own = request.tables.find(({ name }) => name === dataset.name);
      return holds(own, cutDataset(dataset).table);
    });
  }

  private find(manifestId: string): Frame[] {
    const frames = this.issued.get(manifestId);
    if (frames !== undefined) return frames;
    throw new RivuletError('MANIFEST_UNKNOWN', `This device has no manifest ${manifestId}.`);
  }
}

interface CutDataset {
  table: ManifestTable;
  chunks: Chunk[];
}

interface PlannedTable {
  plan: TablePlan;
  frames: Frame[];
}

function cutDataset({ rows, ...schema }: FakeDataset): CutDataset {
  const fingerprint = schemaFingerprint(schema);
  const cutter = new ChunkCutter(schema.key.length, { keepContent: true });
  const hasher = new TableHasher(fingerprint);
  const lines = rows.map((row) => `${row.join('\t')}\n`).join('');
  const chunks = [...cutter.push(Buffer.from(lines)), ...cutter.end()];
  for (const chunk of chunks) hasher.add(chunk);
  return { table: { ...schema, fingerprint, ...hasher.finish() }, chunks };
}

function chunkFrames({ chunks }: CutDataset, index: number): Frame[] {
  return chunks.map(({ content, rows }) => toFrame('chunk', index, content, rows));
}

function patchFrames(base: CutDataset, target: CutDataset, index: number): Frame[] {
  const [before, after] = [base, target].map(({ chunks }) =>
    chunks.map(({ digest }) => digest.toString('hex')),
  );
  const writer = new PatchWriter();
  const patches = compareChunkLists(before!, after!).flatMap((span) => {
    const { position, count, newPosition, newCount } = span;
    const changes = compareRows(
      contentOf(base, position, count),
      contentOf(target, newPosition, newCount),
      target.table.key.length,
    );
    return writer.add({ position, count, ...changes });
  });
  return [...patches, ...writer.end()].map(({ content, rows }) => toFrame('patch', index, content, rows));
}

function contentOf({ chunks }: CutDataset, position: number, count: number): Buffer {
  return Buffer.concat(chunks.slice(position, position + count).map(({ content }) => content));
}

/** Its number is that in the plan, and comes later. */
function toFrame(kind: FrameKind, table: number, content: Buffer, rows: number): Frame {
  const { encoding, block } = encodeBlock(content);
  const digest = hash('sha256', content, 'buffer');
  const sizes = { contentBytes: content.length, blockBytes: block.length };
  return { header: { kind, encoding, table, number: 0, rows, ...sizes, digest }, block };
}
