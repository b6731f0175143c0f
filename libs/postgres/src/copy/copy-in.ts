import { setImmediate } from 'node:timers/promises';
import type { ClientBase, Connection, Submittable } from 'pg';

// https://www.postgresql.org/docs/current/protocol-message-formats.html
const COPY_DATA = 0x64;
const LENGTH_BYTES = 4;

/**
 * The event loop turns after this many bytes. Node calls back for a write that the kernel takes at once before it looks at
 * its sockets and timers again, so that without this a source with its content at hand hides PostgreSQL's error, and every
 * other request, for as long as PostgreSQL reads as fast as we write.
 */
const BYTES_A_TURN = 1024 * 1024;

/** Runs a COPY … FROM STDIN statement with this content; returns the number of rows. */
export async function copyIn(
  client: ClientBase,
  statement: string,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<number> {
  const query = client.query(new CopyInQuery(statement));
  await query.ready;
  try {
    for await (const piece of content) await query.send(piece);
  } catch (error) {
    await query.fail(error);
    throw error;
  }
  return query.finish();
}

interface CopyConnection extends Connection {
  query(text: string): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

class CopyInQuery implements Submittable {
  /** Resolves when PostgreSQL accepts rows. Rejects with its error if it does not. */
  readonly ready: Promise<void>;
  private readonly over: Promise<void>;
  private markReady!: () => void;
  private markOver!: () => void;
  private connection!: CopyConnection;
  private error: unknown;
  private isOver = false;
  private rows = 0;
  private bytesThisTurn = 0;
  /** PostgreSQL waits for the next piece, and we have none yet. */
  isUpToUs = false;

  constructor(readonly text: string) {
    const begun = new Promise<void>((resolve) => (this.markReady = resolve));
    this.over = new Promise<void>((resolve) => (this.markOver = resolve));
    this.ready = Promise.race([begun, this.over]).then(() => this.throwIfFailed());
  }

  submit(connection: Connection): void {
    this.connection = connection as CopyConnection;
    this.connection.query(this.text);
  }

  handleCopyInResponse(): void {
    this.isUpToUs = true;
    this.markReady();
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0);
  }

  handleReadyForQuery(): void {
    this.end();
  }

  handleError(error: unknown): void {
    this.error = error;
    this.end();
  }

  /** Resolves when the piece is no longer referenced. @throws PostgreSQL's error, which can arrive at any time */
  async send(piece: Buffer): Promise<void> {
    this.throwIfFailed();
    this.isUpToUs = false;
    const header = Buffer.allocUnsafe(1 + LENGTH_BYTES);
    header.writeUInt8(COPY_DATA);
    header.writeUInt32BE(LENGTH_BYTES + piece.length, 1);
    const { stream } = this.connection;
    stream.cork();
    stream.write(header);
    const sent = new Promise<void>((resolve) => stream.write(piece, () => resolve()));
    stream.uncork();
    await sent;
    await this.letOthersRun(piece.length);
    this.isUpToUs = true;
    this.throwIfFailed();
  }

  /** The number of rows. */
  async finish(): Promise<number> {
    this.isUpToUs = false;
    this.connection.endCopyFrom();
    await this.over;
    this.throwIfFailed();
    return this.rows;
  }

  /** Makes PostgreSQL discard the rows. */
  async fail(reason: unknown): Promise<void> {
    if (this.isOver) return;
    this.isUpToUs = false;
    this.connection.sendCopyFail(reason instanceof Error ? reason.message : String(reason));
    await this.over;
  }

  private async letOthersRun(bytes: number): Promise<void> {
    this.bytesThisTurn += bytes;
    if (this.bytesThisTurn < BYTES_A_TURN) return;
    this.bytesThisTurn = 0;
    await setImmediate();
  }

  private end(): void {
    this.isOver = true;
    this.markOver();
  }

  private throwIfFailed(): void {
    if (this.error !== undefined) throw this.error;
  }
}
