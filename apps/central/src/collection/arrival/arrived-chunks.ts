import { Injectable } from '@nestjs/common';
import { decodeFrame, type BlockEncoding, type Frame } from '@rivulet/protocol';
import { CollectionDatabase } from '../collection-database';

/** Chunks that are read at once while rows are written: about a mebibyte of blocks at most. */
const CHUNKS_AT_ONCE = 16;

interface ChunkRow {
  position: number;
  digest: Buffer;
  rows: number;
  contentBytes: number;
  encoding: BlockEncoding;
  block: Buffer;
}

/** Chunks that have arrived, until they are applied. */
@Injectable()
export class ArrivedChunks {
  constructor(private readonly database: CollectionDatabase) {}

  /** Those that are there already stay. */
  async add(runId: string, deviceId: string, frames: Frame[]): Promise<void> {
    const values = frames.map(({ header, block }) => ({ ...header, block }));
    await this.database.rows(
      `INSERT INTO rivulet.collection_chunks (run_id, device_id, position, digest, rows, content_bytes, encoding, block)
       SELECT $1, $2, chunk.* FROM unnest($3::int[], $4::bytea[], $5::int[], $6::int[], $7::text[], $8::bytea[]) AS chunk
       ON CONFLICT (run_id, device_id, position) DO UPDATE SET
         (digest, rows, content_bytes, encoding, block) =
         (excluded.digest, excluded.rows, excluded.content_bytes, excluded.encoding, excluded.block)`,
      [
        runId,
        deviceId,
        values.map(({ number }) => number),
        values.map(({ digest }) => digest),
        values.map(({ rows }) => rows),
        values.map(({ contentBytes }) => contentBytes),
        values.map(({ encoding }) => encoding),
        values.map(({ block }) => block),
      ],
    );
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
      const rows = await this.database.rows<ChunkRow>(
        `SELECT position, digest, rows, content_bytes AS "contentBytes", encoding, block
         FROM rivulet.collection_chunks WHERE run_id = $1 AND device_id = $2 AND position = ANY ($3) ORDER BY position`,
        [runId, deviceId, wanted],
      );
      if (rows.length !== wanted.length)
        throw new Error('Chunks of a run were removed while it was applied.');
      for (const { position: number, block, ...header } of rows)
        yield decodeFrame({
          header: { ...header, kind: 'chunk', table: 0, number, blockBytes: block.length },
          block,
        });
    }
  }
}
