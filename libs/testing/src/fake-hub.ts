import {
  ChunkCutter,
  encodeBlock,
  FRAME_HEADER_BYTES,
  holds,
  MANIFEST_JWS_TYPE,
  PROTOCOL_VERSION,
  RivuletError,
  schemaFingerprint,
  schemaVersion,
  TableHasher,
  type Acknowledgement,
  type Frame,
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

/** A dataset of numbered texts, with that number as its key. */
export function numberedTexts(name: string, texts: string[]): FakeDataset {
  const columns = [
    { name: 'id', type: 'bigint' },
    { name: 'label', type: 'text' },
  ];
  const rows = texts.map((text, index) => [String(index + 1), text]);
  return { name, table: name, columns, key: ['id'], indexes: [], rows };
}

/**
 * Central in memory, for one device: real chunks, frames and checksums, and manifests that are really signed. A test
 * changes `datasets` and `position` between two calls, and replaces a method where central or the network is to fail.
 */
export class FakeHub {
  datasets: FakeDataset[] = [];
  /** Of the manifest issued last. */
  position = { epoch: 1, sequence: 0 };

  readonly requests: SyncRequest[] = [];
  /** The ranges of each call of frames(). */
  readonly fetches: FrameRange[][] = [];
  readonly acknowledgements: Acknowledgement[] = [];

  private readonly issued = new Map<string, Frame[]>();
  private readonly nextUlid = monotonicFactory();

  private constructor(
    private readonly macAddress: string,
    private readonly privateKey: CryptoKey,
    private readonly publicJwk: JWK,
    /** Of the key that signs. */
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
      return { status: 'current', manifestId: lastManifestId };
    }
    this.position.sequence += 1;
    const cut = this.datasets.map((dataset, index) => cutDataset(dataset, index));
    const manifest = this.manifest(request, cut);
    const tables = cut.map(({ table, frames }): TablePlan => {
      const { name } = table;
      const own = request.tables.find((candidate) => candidate.name === name);
      if (holds(own, table)) return { name, action: 'keep' };
      return { name, action: 'load', chunks: frames.map(({ header }) => header.digest.toString('hex')) };
    });
    const frames = cut.filter((_, index) => tables[index]!.action === 'load').flatMap((each) => each.frames);
    for (const [number, frame] of frames.entries()) frame.header.number = number;
    this.issued.set(manifest.manifestId, frames);
    const wireBytes = frames.reduce((sum, { block }) => sum + FRAME_HEADER_BYTES + block.length, 0);
    return { status: 'update', manifest: await this.sign(manifest), plan: { tables, wireBytes } };
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

  /** A compact JWS, as central makes it. */
  async sign(payload: Manifest): Promise<string> {
    return new CompactSign(Buffer.from(JSON.stringify(payload)))
      .setProtectedHeader({ alg: 'EdDSA', typ: MANIFEST_JWS_TYPE, jwk: this.publicJwk })
      .sign(this.privateKey);
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
    return this.datasets.every((dataset, index) => {
      const own = request.tables.find(({ name }) => name === dataset.name);
      return holds(own, cutDataset(dataset, index).table);
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
  frames: Frame[];
}

function cutDataset({ rows, ...schema }: FakeDataset, index: number): CutDataset {
  const fingerprint = schemaFingerprint(schema);
  const cutter = new ChunkCutter(schema.key.length, { keepContent: true });
  const hasher = new TableHasher(fingerprint);
  const lines = rows.map((row) => `${row.join('\t')}\n`).join('');
  const frames = [...cutter.push(Buffer.from(lines)), ...cutter.end()].map((chunk): Frame => {
    hasher.add(chunk);
    const { digest, rows: count, bytes: contentBytes, content } = chunk;
    const { encoding, block } = encodeBlock(Buffer.concat(content));
    const header = { kind: 'chunk', encoding, table: index, number: 0, rows: count, contentBytes } as const;
    return { header: { ...header, blockBytes: block.length, digest }, block };
  });
  return { table: { ...schema, fingerprint, ...hasher.finish() }, frames };
}
