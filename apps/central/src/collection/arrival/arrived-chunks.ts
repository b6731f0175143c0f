import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { binaryRows, copyIn, hasSqlState, int4, selectBinary, sqlState, withClient } from '@rivulet/postgres';
import { decodeFrame, freeMemory, type BlockEncoding, type Frame } from '@rivulet/protocol';
import { escapeLiteral } from 'pg';
import { CollectionDatabase } from '../collection-database';

/** Chunks that are read at once while rows are written: about a mebibyte of blocks at most. */
const CHUNKS_AT_ONCE = 16;

/** Chunks that have arrived, until they are applied. */
@Injectable()
export class ArrivedChunks {
  constructor(private readonly database: CollectionDatabase) {}

  /**
   * In place of what is there at their positions. Copied as bytes: pg would copy blocks several times to make them parameters
   * of a statement.
   *
   * @throws RivuletError COLLECTION_BUSY where the network sends the same to two processes of central
   */
  async add(runId: string, deviceId: string, frames: Frame[]): Promise<void> {
    const byPosition = new Map(frames.map((frame) => [frame.header.number, frame]));
    await this.database
      .transaction(async (client) => {
        await client.query(
          `DELETE FROM rivulet.collection_chunks WHERE run_id = $1 AND device_id = $2 AND position = ANY ($3)`,
          [runId, deviceId, [...byPosition.keys()]],
        );
        const rows = [...byPosition.values()].map((frame) => toRow(runId, deviceId, frame));
        await copyIn(client, COPY_CHUNKS, freed(binaryRows(rows)));
      })
      .catch((error: unknown) => {
        if (!hasSqlState(error, sqlState.uniqueViolation)) throw error;
        throw new RivuletError('COLLECTION_BUSY', 'The chunks are being stored already.', {
          cause: error,
          retryAfterSeconds: 1,
        });
      });
  }

  /** The positions that are there with the digest that they are to have. */
  async positions(runId: string, deviceId: string, digests: readonly string[]): Promise<Set<number>> {
    const rows = await this.database.rows<{ position: number; digest: string }>(
      `SELECT position, encode(digest, 'hex') AS digest FROM rivulet.collection_chunks
       WHERE run_id = $1 AND device_id = $2`,
      [runId, deviceId],
    );
    return new Set(
      rows.filter(({ position, digest }) => digests[position] === digest).map(({ position }) => position),
    );
  }

  /** The rows of some chunks, in their order, each checked against its digest again. The next ones are read meanwhile. */
  async *content(
    runId: string,
    deviceId: string,
    positions: readonly number[],
  ): AsyncGenerator<Buffer, void> {
    let next = this.read(runId, deviceId, positions.slice(0, CHUNKS_AT_ONCE));
    try {
      for (let start = 0; start < positions.length; start += CHUNKS_AT_ONCE) {
        const rows = await next;
        const end = start + CHUNKS_AT_ONCE;
        next = this.read(runId, deviceId, positions.slice(end, end + CHUNKS_AT_ONCE));
        // Whoever awaits it gets the failure.
        next.catch(() => undefined);
        yield* contentOf(rows);
      }
    } finally {
      await next.catch(() => undefined);
    }
  }

  private async read(runId: string, deviceId: string, wanted: readonly number[]): Promise<StoredRow[]> {
    if (wanted.length === 0) return [];
    const rows = await withClient(this.database.pool, (client) =>
      selectBinary(
        client,
        `SELECT position, digest, rows, content_bytes, encoding, block FROM rivulet.collection_chunks
         WHERE run_id = ${escapeLiteral(runId)} AND device_id = ${escapeLiteral(deviceId)}
           AND position IN (${wanted.join(', ')}) ORDER BY position`,
        freeMemory,
      ),
    );
    if (rows.length !== wanted.length) throw new Error('Chunks of a run were removed while it was applied.');
    return rows;
  }
}

type StoredRow = (Buffer | null)[];

/** All of the rows are parts of one answer, whose memory is freed. */
function* contentOf(rows: StoredRow[]): Generator<Buffer, void> {
  for (const frame of rows.map(toFrame)) {
    const content = decodeFrame(frame);
    yield content;
    if (frame.header.encoding !== 'none') freeMemory(content);
  }
  freeMemory(rows[0]![BLOCK]!);
}

const COPY_CHUNKS = `
  COPY rivulet.collection_chunks (run_id, device_id, position, digest, rows, content_bytes, encoding, block)
  FROM STDIN (FORMAT binary)`;

function toRow(runId: string, deviceId: string, { header, block }: Frame): Buffer[] {
  const { number, digest, rows, contentBytes, encoding } = header;
  const texts = [runId, deviceId].map((text) => Buffer.from(text));
  return [...texts, int4(number), digest, int4(rows), int4(contentBytes), Buffer.from(encoding), block];
}

/** Each piece is freed once it has been sent. */
function* freed(pieces: Iterable<Buffer>): Generator<Buffer, void> {
  for (const piece of pieces) {
    yield piece;
    freeMemory(piece);
  }
}

/** The place of the block among the columns that are read. */
const BLOCK = 5;

function toFrame([position, digest, rows, contentBytes, encoding, block]: StoredRow): Frame {
  return {
    header: {
      kind: 'chunk',
      table: 0,
      number: position!.readInt32BE(),
      digest: digest!,
      rows: rows!.readInt32BE(),
      contentBytes: contentBytes!.readInt32BE(),
      encoding: encoding!.toString() as BlockEncoding,
      blockBytes: block!.length,
    },
    block: block!,
  };
}
