import { hash } from 'node:crypto';
import { findRanges, withSettings } from '@rivulet/mirror';
import { copyOut, inTransaction, readSource, withClient } from '@rivulet/postgres';
import {
  applyRowEdits,
  COLLECTION_EDIT_BASE_BYTES,
  COLLECTION_EDIT_BASE_CHUNKS,
  encodeBlock,
  type ChunkEdit,
  type ChunkSummary,
  type Frame,
} from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import type { CollectionDatabase } from '../collection-database';
import type { ActiveTask } from '../runs/task-queue';
import { readPosition } from './positions';
import { copyOfChunks } from './read-back';
import { checkOffer } from './read-offer';
import { prepareTarget, type Target } from './target-table';

const STATEMENT_TIMEOUT_MS = 30_000;

export interface RebuiltChunks {
  chunks: Frame[];
  /** Bytes of rows that were read for nothing: what came out was not the chunk of the offer. */
  wastedBytes: number;
}

/**
 * Makes chunks of an offer from the rows that the target has and what is sent of them. A chunk that comes out with another
 * digest is left out, and the network sends it as a whole: rows of the target were changed, or the base is a different one.
 */
export async function rebuildChunks(
  database: CollectionDatabase,
  task: ActiveTask,
  offered: NonNullable<ActiveTask['offer']>,
  edits: readonly ChunkEdit[],
): Promise<RebuiltChunks> {
  if (edits.length === 0) return { chunks: [], wastedBytes: 0 };
  const { schemaId, deviceId, order } = task;
  const offer = checkOffer(offered, order);
  const position = await readPosition(database.pool, schemaId, deviceId);
  if (order.mode !== 'mirror' || position.fingerprint !== offer.fingerprint)
    return { chunks: [], wastedBytes: 0 };
  const target = await prepareTarget(database, { ...order, schemaId, columns: offer.columns });
  const base = position.chunks;
  return withClient(database.pool, (client) =>
    inTransaction(client, readSource(STATEMENT_TIMEOUT_MS), () =>
      withSettings(client, findRanges, async () => {
        const rebuilt: RebuiltChunks = { chunks: [], wastedBytes: 0 };
        for (const edit of fitting(edits, base)) {
          const rows = await readChunksOf(client, target, deviceId, base, edit);
          const content = rows && applyRowEdits(rows, edit.edits);
          const frame = content && frameOf(content, edit.number, offer.list[edit.number]);
          if (frame === undefined) rebuilt.wastedBytes += bytesOf(base, edit);
          else rebuilt.chunks.push(frame);
        }
        return rebuilt;
      }),
    ),
  );
}

/** Those whose chunks are there, as many as one call may read. */
function fitting(edits: readonly ChunkEdit[], base: readonly ChunkSummary[]): ChunkEdit[] {
  let bytes = 0;
  return edits.filter((edit) => {
    if (
      edit.position + edit.count > base.length ||
      edit.count === 0 ||
      edit.count > COLLECTION_EDIT_BASE_CHUNKS
    )
      return false;
    bytes += bytesOf(base, edit);
    return bytes <= COLLECTION_EDIT_BASE_BYTES;
  });
}

function bytesOf(base: readonly ChunkSummary[], { position, count }: ChunkEdit): number {
  return base.slice(position, position + count).reduce((sum, chunk) => sum + chunk.bytes, 0);
}

/** Undefined when there are more rows than the chunks have. */
async function readChunksOf(
  client: ClientBase,
  target: Target,
  networkId: string,
  base: readonly ChunkSummary[],
  edit: ChunkEdit,
): Promise<Buffer | undefined> {
  const expected = bytesOf(base, edit);
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of copyOut(client, copyOfChunks(target, networkId, base, edit))) {
    bytes += piece.length;
    if (bytes <= expected) pieces.push(Buffer.from(piece));
  }
  return bytes === expected ? Buffer.concat(pieces) : undefined;
}

function frameOf(content: Buffer, number: number, expected: string | undefined): Frame | undefined {
  const digest = hash('sha256', content, 'buffer');
  if (digest.toString('hex') !== expected) return undefined;
  const { encoding, block } = encodeBlock(content);
  const rows = content.reduce((count, byte) => (byte === 0x0a ? count + 1 : count), 0);
  const size = { rows, contentBytes: content.length, blockBytes: block.length };
  return { header: { kind: 'chunk', table: 0, number, digest, encoding, ...size }, block };
}
