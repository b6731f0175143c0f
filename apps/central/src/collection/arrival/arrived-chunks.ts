import { Injectable } from '@nestjs/common';
import { selectBinary, withClient } from '@rivulet/postgres';
import { decodeFrame, freeMemory, type BlockEncoding, type Frame } from '@rivulet/protocol';
import { escapeLiteral } from 'pg';
import { CollectionDatabase } from '../collection-database';

/** Chunks that one statement stores: six parameters each, of which it has 65,535 at most. */
const STORED_AT_ONCE = 256;
/** Chunks that are read at once while rows are written: about a mebibyte of blocks at most. */
const CHUNKS_AT_ONCE = 16;

/** Chunks that have arrived, until they are applied. */
@Injectable()
export class ArrivedChunks {
  constructor(private readonly database: CollectionDatabase) {}

  /** Those that are there already stay. */
  async add(runId: string, deviceId: string, frames: Frame[]): Promise<void> {
    for (let first = 0; first < frames.length; first += STORED_AT_ONCE) {
      const some = frames.slice(first, first + STORED_AT_ONCE);
      const values = some.flatMap(({ header, block }) => [
        header.number,
        header.digest,
        header.rows,
        header.contentBytes,
        header.encoding,
        block,
      ]);
      await this.database.rows(insertChunks(some.length), [runId, deviceId, ...values]);
    }
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

  /** The rows of some chunks, in their order, each checked against its digest again. */
  async *content(
    runId: string,
    deviceId: string,
    positions: readonly number[],
  ): AsyncGenerator<Buffer, void> {
    for (let start = 0; start < positions.length; start += CHUNKS_AT_ONCE) {
      const wanted = positions.slice(start, start + CHUNKS_AT_ONCE);
      const rows = await withClient(this.database.pool, (client) =>
        selectBinary(
          client,
          `SELECT position, digest, rows, content_bytes, encoding, block FROM rivulet.collection_chunks
           WHERE run_id = ${escapeLiteral(runId)} AND device_id = ${escapeLiteral(deviceId)}
             AND position IN (${wanted.join(', ')}) ORDER BY position`,
          freeMemory,
        ),
      );
      if (rows.length !== wanted.length)
        throw new Error('Chunks of a run were removed while it was applied.');
      for (const frame of rows.map(toFrame)) {
        const content = decodeFrame(frame);
        yield content;
        if (frame.header.encoding !== 'none') freeMemory(content);
      }
      // All of them are parts of one answer.
      freeMemory(rows[0]![BLOCK]!);
    }
  }
}

/** Each value by itself: pg sends the members of an array as text, bytes in twice as many digits. */
function insertChunks(count: number): string {
  const chunks = Array.from({ length: count }, (_, index) => {
    const [number, digest, rows, bytes, encoding, block] = [3, 4, 5, 6, 7, 8].map(
      (place) => `$${index * 6 + place}`,
    );
    return `($1, $2, ${number}::int, ${digest}::bytea, ${rows}::int, ${bytes}::int, ${encoding}, ${block}::bytea)`;
  });
  return `
    INSERT INTO rivulet.collection_chunks (run_id, device_id, position, digest, rows, content_bytes, encoding, block)
    VALUES ${chunks.join(', ')}
    ON CONFLICT (run_id, device_id, position) DO UPDATE SET
      (digest, rows, content_bytes, encoding, block) =
      (excluded.digest, excluded.rows, excluded.content_bytes, excluded.encoding, excluded.block)`;
}

/** The place of the block among the columns that are read. */
const BLOCK = 5;

function toFrame([position, digest, rows, contentBytes, encoding, block]: (Buffer | null)[]): Frame {
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
