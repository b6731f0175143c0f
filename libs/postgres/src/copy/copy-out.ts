import { TLSSocket } from 'node:tls';
import type { ClientBase, Connection, Submittable } from 'pg';
import { inBatches } from '../in-batches';

type Listener = (bytes: Buffer) => void;

/** The socket is paused when this many bytes wait for the reader. */
const QUEUE_BYTES = 256 * 1024;

/**
 * PostgreSQL sends 8 KiB at a time. Where this process sleeps meanwhile it takes PostgreSQL a seventh of its time to wake it
 * for each, and us a third of ours; so once the socket is empty it is let fill for a while.
 */
const REST_MS = 1;
/** Less is over before it is worth while. */
const RESTS_AFTER_BYTES = 256 * 1024;
/** A read of the socket that gives less has emptied it. */
const FULL_READ_BYTES = 64 * 1024;

// Kinds of messages. https://www.postgresql.org/docs/current/protocol-message-formats.html
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const ERROR_RESPONSE = 0x45;
/** Kind (1 byte) and length (4 bytes, including itself but not the kind). */
const HEADER_BYTES = 5;

/**
 * The output of a COPY … TO STDOUT statement, in buffers that can end anywhere. If the reader stops early the
 * connection is closed, which is the only way to abort a COPY.
 */
export async function* copyOut(client: ClientBase, statement: string): AsyncGenerator<Buffer, void> {
  for await (const { rows } of copyOutEach(client, [statement])) yield rows;
}

/** A part of the output of one of several statements. */
export interface CopiedRows {
  /** Its place among them. */
  statement: number;
  /** In memory that no other part has. */
  rows: Buffer;
}

/**
 * Statements that are sent as one message. PostgreSQL parses all of it before it begins, for which it takes twenty times as
 * much memory, and between two messages it waits for us.
 */
const MESSAGE_CHARACTERS = 256 * 1024;

/**
 * The outputs of several COPY … TO STDOUT statements, one after the other. They are sent in few messages: PostgreSQL begins
 * with the next one while the rows of the last are being read. Nothing comes of a statement without rows.
 */
export async function* copyOutEach(
  client: ClientBase,
  statements: Iterable<string>,
): AsyncGenerator<CopiedRows, void> {
  let first = 0;
  for (const message of inBatches(statements, ({ length }) => length, MESSAGE_CHARACTERS)) {
    for await (const { statement, rows } of copyOutMessage(client, message)) {
      yield { statement: first + statement, rows };
    }
    first += message.length;
  }
}

async function* copyOutMessage(
  client: ClientBase,
  statements: readonly string[],
): AsyncGenerator<CopiedRows, void> {
  const query = client.query(new CopyOutQuery(statements));
  try {
    yield* query.pieces();
  } finally {
    if (!query.isOver) (client as ClientBase & { connection: Connection }).connection.stream.destroy();
  }
}

/**
 * Takes the socket over from pg while rows arrive. PostgreSQL sends one message per row, and pg creates objects for each;
 * this class moves the contents of all messages together within the received buffer.
 */
class CopyOutQuery implements Submittable {
  /** PostgreSQL has completed the statement, with or without success. */
  isOver = false;
  private error: unknown;
  private readonly queue: CopiedRows[] = [];
  private queuedBytes = 0;
  private receivedBytes = 0;
  private isResting = false;
  private wake: () => void = () => undefined;
  private connection: Connection | undefined;
  /** pg's listener, which gets all messages that are not rows. */
  private listener: Listener | undefined;
  /** The beginning of a message other than a row that ends in the next buffer. */
  private beginning: Buffer | undefined;
  /** Bytes of a row that have not arrived. */
  private missingBytes = 0;
  private statement = 0;
  readonly text: string;

  constructor(private readonly statements: readonly string[]) {
    // A statement may end with a comment.
    this.text = statements.join('\n;\n');
  }

  submit(connection: Connection): void {
    this.connection = connection;
    const { stream } = connection;
    const [listener, ...others] = stream.listeners('data') as Listener[];
    if (listener === undefined || others.length > 0)
      throw new Error('pg does not read its socket as expected.');
    this.listener = listener;
    stream.removeListener('data', listener);
    stream.on('data', this.receive);
    (connection as Connection & { query(text: string): void }).query(this.text);
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

  async *pieces(): AsyncGenerator<CopiedRows, void> {
    for (;;) {
      const piece = this.queue.shift();
      if (piece !== undefined) {
        this.queuedBytes -= piece.rows.length;
        this.resume();
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
    this.takeRows(bytes);
    if (this.queue.length === 0) return;
    if (this.listener !== undefined) this.pauseIfSensible(received.length);
    this.wake();
  };

  private pauseIfSensible(readBytes: number): void {
    this.receivedBytes += readBytes;
    if (this.queuedBytes >= QUEUE_BYTES) this.connection!.stream.pause();
    else if (readBytes < FULL_READ_BYTES && this.receivedBytes >= RESTS_AFTER_BYTES) this.rest();
  }

  private rest(): void {
    const { stream } = this.connection!;
    // It gives one record after the other, whatever is left in the socket.
    if (stream instanceof TLSSocket) return;
    stream.pause();
    this.isResting = true;
    setTimeout(() => {
      this.isResting = false;
      this.resume();
    }, REST_MS);
  }

  private resume(): void {
    const isWanted = this.listener !== undefined && this.queuedBytes < QUEUE_BYTES && !this.isResting;
    if (isWanted) this.connection!.stream.resume();
  }

  private put(rows: Buffer): void {
    if (rows.length === 0) return;
    this.queue.push({ statement: this.statement, rows });
    this.queuedBytes += rows.length;
  }

  /** Moves the contents of rows together at the beginning of the buffer, and queues them. */
  private takeRows(bytes: Buffer): void {
    let start = 0;
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
      if (position === bytes.length) return this.put(bytes.subarray(start, end));
      const contentStart = position + HEADER_BYTES;
      const kind = bytes[position];
      if (contentStart <= bytes.length && kind === COPY_DATA) {
        this.missingBytes = bytes.readUInt32BE(position + 1) - 4;
        position = contentStart;
        continue;
      }
      const isLast = this.statement === this.statements.length - 1;
      if ((kind === COPY_DONE && isLast) || kind === ERROR_RESPONSE) {
        this.put(bytes.subarray(start, end));
        return this.giveBack(bytes.subarray(position));
      }
      if (contentStart <= bytes.length && kind === COPY_DONE) {
        // The reader may free the memory of each part.
        this.put(Buffer.from(bytes.subarray(start, end)));
        this.statement += 1;
        start = end;
        position = contentStart;
        continue;
      }
      const messageEnd =
        contentStart <= bytes.length ? position + 1 + bytes.readUInt32BE(position + 1) : Infinity;
      if (messageEnd > bytes.length) {
        this.beginning = Buffer.from(bytes.subarray(position));
        return this.put(bytes.subarray(start, end));
      }
      this.listener!(Buffer.from(bytes.subarray(position, messageEnd)));
      position = messageEnd;
    }
  }

  /** Returns the socket to pg. */
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
