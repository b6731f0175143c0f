import type { ClientBase, Connection, Submittable } from 'pg';

type Listener = (bytes: Buffer) => void;

/** Bytes that wait for a reader before PostgreSQL is left to wait. */
const QUEUE_BYTES = 256 * 1024;

// Kinds of messages. https://www.postgresql.org/docs/current/protocol-message-formats.html
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const ERROR_RESPONSE = 0x45;
/** Kind, and length with that of itself but not of the kind. */
const HEADER_BYTES = 5;

/**
 * The output of a COPY … TO STDOUT statement, in buffers that end anywhere. If the reader stops early the
 * connection is closed, as that is the only way to end a COPY from the outside.
 */
export async function* copyOut(client: ClientBase, statement: string): AsyncGenerator<Buffer, void> {
  const query = client.query(new CopyOutQuery(statement));
  try {
    yield* query.pieces();
  } finally {
    if (!query.isOver) (client as ClientBase & { connection: Connection }).connection.stream.destroy();
  }
}

/**
 * Takes the socket over from pg while the rows arrive. PostgreSQL sends a message for each row, and pg makes objects of
 * each; here the contents of all messages in a buffer are moved together, within that buffer.
 */
class CopyOutQuery implements Submittable {
  /** PostgreSQL has answered the statement, with success or not. */
  isOver = false;
  private error: unknown;
  private readonly queue: Buffer[] = [];
  private queuedBytes = 0;
  private wake: () => void = () => undefined;
  private connection: Connection | undefined;
  /** The listener of pg, which gets whatever is not a row. */
  private listener: Listener | undefined;
  /** The beginning of a message that ends in the next buffer, if that is not a row. */
  private beginning: Buffer | undefined;
  /** Bytes of a row that are still to come. */
  private missingBytes = 0;

  constructor(private readonly statement: string) {}

  submit(connection: Connection): void {
    this.connection = connection;
    const { stream } = connection;
    const [listener, ...others] = stream.listeners('data') as Listener[];
    if (listener === undefined || others.length > 0) throw new Error('pg reads its socket in another way.');
    this.listener = listener;
    stream.removeListener('data', listener);
    stream.on('data', this.receive);
    (connection as Connection & { query(text: string): void }).query(this.statement);
  }

  handleError(error: unknown): void {
    this.giveBack();
    this.error = error;
    this.end();
  }

  handleReadyForQuery(): void {
    this.end();
  }

  handleCommandComplete(): void {}

  async *pieces(): AsyncGenerator<Buffer, void> {
    for (;;) {
      const piece = this.queue.shift();
      if (piece !== undefined) {
        this.queuedBytes -= piece.length;
        if (this.queuedBytes < QUEUE_BYTES) this.connection!.stream.resume();
        yield piece;
      } else if (this.isOver) {
        if (this.error !== undefined) throw this.error;
        return;
      } else {
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    }
  }

  private end(): void {
    this.isOver = true;
    this.wake();
  }

  private readonly receive = (received: Buffer): void => {
    const bytes = this.beginning === undefined ? received : Buffer.concat([this.beginning, received]);
    this.beginning = undefined;
    const rowBytes = this.takeRows(bytes);
    if (rowBytes === 0) return;
    this.queue.push(bytes.subarray(0, rowBytes));
    this.queuedBytes += rowBytes;
    if (this.queuedBytes >= QUEUE_BYTES && this.listener !== undefined) this.connection!.stream.pause();
    this.wake();
  };

  /** Moves the contents of rows to the beginning of the buffer, and returns how many bytes these are. */
  private takeRows(bytes: Buffer): number {
    let end = 0;
    let position = 0;
    for (;;) {
      const contentEnd = Math.min(position + this.missingBytes, bytes.length);
      if (contentEnd > position) {
        if (position !== end) bytes.copyWithin(end, position, contentEnd);
        end += contentEnd - position;
        this.missingBytes -= contentEnd - position;
        position = contentEnd;
      }
      if (position === bytes.length) return end;
      const contentStart = position + HEADER_BYTES;
      const kind = bytes[position];
      if (contentStart <= bytes.length && kind === COPY_DATA) {
        this.missingBytes = bytes.readUInt32BE(position + 1) - 4;
        position = contentStart;
        continue;
      }
      if (kind === COPY_DONE || kind === ERROR_RESPONSE) {
        this.giveBack(bytes.subarray(position));
        return end;
      }
      const messageEnd =
        contentStart <= bytes.length ? position + 1 + bytes.readUInt32BE(position + 1) : Infinity;
      if (messageEnd > bytes.length) {
        this.beginning = Buffer.from(bytes.subarray(position));
        return end;
      }
      this.listener!(Buffer.from(bytes.subarray(position, messageEnd)));
      position = messageEnd;
    }
  }

  /** Has pg read its socket again. */
  private giveBack(unread?: Buffer): void {
    const { connection, listener } = this;
    if (connection === undefined || listener === undefined) return;
    this.listener = undefined;
    connection.stream.removeListener('data', this.receive);
    connection.stream.on('data', listener);
    if (unread !== undefined) listener(Buffer.from(unread));
    connection.stream.resume();
  }
}
