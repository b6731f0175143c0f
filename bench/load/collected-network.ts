import { setTimeout as delay } from 'node:timers/promises';
import {
  ChunkCutter,
  encodeBlock,
  encodeFrameHeader,
  FRAMES_CONTENT_TYPE,
  schemaFingerprint,
  TableHasher,
  type Chunk,
} from '@rivulet/protocol';

const columns = [
  { name: 'id', type: 'bigint' },
  { name: 'value', type: 'text' },
];

interface Task {
  runId: string;
  name: string;
  key: string[];
}

/** A network's side of collection, without a database: the same rows for each network. */
export class CollectedNetwork {
  private readonly chunks: Chunk[];
  /** Answers that said to come back later. */
  refusals = 0;

  constructor(
    private readonly centralUrl: string,
    private readonly macAddress: string,
    private readonly rows: number,
  ) {
    const cutter = new ChunkCutter(1, { keepContent: true });
    const lines = Array.from({ length: rows }, (_, index) => `${index}\tvalue ${index * 7}\n`);
    this.chunks = [...cutter.push(Buffer.from(lines.join(''))), ...cutter.end()];
  }

  /** Asks until it has got a task, and does it. */
  async takePart(pollMs: number): Promise<void> {
    for (;;) {
      const { tasks } = (await this.post('tasks', {})) as { tasks: Task[] };
      if (tasks[0] !== undefined) return this.deliver(tasks[0]);
      await delay(pollMs * (0.5 + Math.random()));
    }
  }

  private async deliver({ runId, name, key }: Task): Promise<void> {
    const hasher = new TableHasher(schemaFingerprint({ name, columns, key }));
    for (const chunk of this.chunks) hasher.add(chunk);
    const digests = Buffer.concat(this.chunks.map(({ digest }) => digest)).toString('base64');
    await this.post(`runs/${runId}/offer`, { columns, ...hasher.finish(), rows: this.rows, digests });
    await this.post(`runs/${runId}/chunks`, Buffer.concat(this.chunks.flatMap(toFrame)));
    await this.post(`runs/${runId}/commit`, {});
  }

  /** Comes back later when it is told to, as an edge does. */
  private async post(path: string, body: object | Buffer): Promise<unknown> {
    const isFrames = Buffer.isBuffer(body);
    for (;;) {
      const response = await fetch(`${this.centralUrl}/api/collection/${path}`, {
        method: 'POST',
        headers: {
          'x-device-mac': this.macAddress,
          'content-type': isFrames ? FRAMES_CONTENT_TYPE : 'application/json',
        },
        body: isFrames ? new Uint8Array(body) : JSON.stringify(body),
      });
      const text = await response.text();
      if (response.ok) return JSON.parse(text);
      const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
      if (Number.isNaN(seconds)) throw new Error(`${path} was answered with ${response.status}: ${text}`);
      this.refusals += 1;
      await delay(seconds * 1_000 * (1 + Math.random()));
    }
  }
}

function toFrame({ content, digest, rows, bytes: contentBytes }: Chunk, number: number): Buffer[] {
  const { encoding, block } = encodeBlock(content);
  const size = { rows, contentBytes, blockBytes: block.length };
  return [encodeFrameHeader({ kind: 'chunk', table: 0, number, digest, encoding, ...size }), block];
}
