import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase, Connection } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

/**
 * The output of a COPY … TO STDOUT statement, in buffers that end anywhere. If the reader stops early the
 * connection is closed, as that is the only way to end a COPY from the outside.
 */
export async function* copyOut(client: ClientBase, statement: string): AsyncGenerator<Buffer, void> {
  const stream = client.query(copyTo(statement, { highWaterMark: 1 << 17 }));
  let finished = false;
  try {
    yield* stream as AsyncIterable<Buffer>;
    finished = true;
  } finally {
    if (!finished) (client as ClientBase & { connection: Connection }).connection.stream.destroy();
  }
}

/** Feeds a COPY … FROM STDIN statement; returns the number of rows that PostgreSQL took. */
export async function copyIn(
  client: ClientBase,
  statement: string,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<number> {
  const sink = client.query(copyFrom(statement));
  await pipeline(Readable.from(content, { objectMode: true, highWaterMark: 4 }), sink);
  return sink.rowCount ?? 0;
}
