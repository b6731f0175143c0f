import { RivuletError } from '@rivulet/errors';
import {
  columnList,
  coversHalf,
  findRanges,
  inRange,
  joinSpans,
  keyColumns,
  keyExpression,
  rangeOfSpan,
  sameKey,
  scan,
  withSettings,
  type Mirror,
} from '@rivulet/mirror';
import type { ChunkSummary, PatchedSpan } from '@rivulet/protocol';
import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import type { CheckedOffer } from './read-offer';
import type { Target } from './target-table';
import { ofNetwork, type ArrivedRows, type WrittenBy } from './write-rows';

/** A mirror up to this size is read as a whole, in less than a second: that also finds what others have changed in it. */
const WHOLE_READ_BYTES = 32 * 1024 * 1024;

const alongTheKey = { enable_sort: 'off', enable_bitmapscan: 'off', enable_seqscan: 'off' } as const;

/**
 * Reads the rows that a run has written, and cuts them into chunks. Of a mirror it returns the whole list: where less
 * than half of it was replaced, the rest is taken from the list of before.
 *
 * @throws RivuletError CHECKSUM_MISMATCH when they are rows that no offer can have
 */
export async function readBack(
  client: ClientBase,
  target: Target,
  rows: ArrivedRows,
  writtenBy: WrittenBy,
): Promise<ChunkSummary[]> {
  if (target.mode === 'mirror') return readMirror(client, target, rows, writtenBy);
  if (writtenBy === 'staged') return scan(client, target.mirror, copyOfStaged(target));
  const run = target.mode === 'snapshot' ? ` AND run_id = ${escapeLiteral(rows.runId)}` : '';
  return scanByKey(client, target, `${ofNetwork(rows.networkId)}${run}`);
}

/** @throws RivuletError COLLECTION_UNPROVED · COLLECTION_OFFER_INVALID when the offer counts its rows wrong */
export function requireOffered(found: readonly ChunkSummary[], offer: CheckedOffer, table: string): void {
  const isSame =
    found.length === offer.list.length &&
    found.every(({ digest }, index) => digest.toString('hex') === offer.list[index]);
  if (!isSame)
    throw new RivuletError(
      'COLLECTION_UNPROVED',
      `The rows of ${table} read back differently from those offered.`,
    );
  const rows = found.reduce((sum, chunk) => sum + chunk.rows, 0);
  const bytes = found.reduce((sum, chunk) => sum + chunk.bytes, 0);
  if (rows === offer.rows && bytes === offer.bytes) return;
  throw new RivuletError(
    'COLLECTION_OFFER_INVALID',
    `The offer is not valid: it says ${offer.rows} rows of ${offer.bytes} bytes, and has ${rows} of ${bytes}.`,
  );
}

async function readMirror(
  client: ClientBase,
  target: Target,
  { networkId, base, spans }: ArrivedRows,
  writtenBy: WrittenBy,
): Promise<ChunkSummary[]> {
  const joined = joinSpans(spans);
  const all = ofNetwork(networkId);
  const bytes = base.reduce((sum, chunk) => sum + chunk.bytes, 0);
  if (writtenBy === 'loaded' || bytes <= WHOLE_READ_BYTES || coversHalf(base, joined))
    return scanByKey(client, target, all);
  const pieces: ChunkSummary[][] = [];
  let next = 0;
  await withSettings(client, findRanges, async () => {
    for (const span of joined) {
      pieces.push(base.slice(next, span.position));
      pieces.push(await scan(client, target.mirror, copyOfChunks(target, networkId, base, span)));
      next = span.position + span.count;
    }
  });
  return [...pieces, base.slice(next)].flat();
}

/**
 * By default PostgreSQL sorts the rows, a million of them on disk, as it expects few: it has no statistics of what was
 * just written.
 */
async function scanByKey(client: ClientBase, target: Target, condition: string): Promise<ChunkSummary[]> {
  return withSettings(client, alongTheKey, () => scan(client, target.mirror, copyOf(target, condition)));
}

/** The rows of consecutive chunks of a network's mirror. */
export function copyOfChunks(
  target: Target,
  networkId: string,
  base: readonly ChunkSummary[],
  span: PatchedSpan,
): string {
  const within = inRange(target.mirror, 'mirror', rangeOfSpan(base, span));
  return copyOf(target, `${ofNetwork(networkId)} AND ${within}`);
}

/** Along the primary key. */
function copyOf({ mirror, qualifiedName }: Target, condition: string): string {
  return `COPY (SELECT ${columnList(mirror.columns)} FROM ${qualifiedName} AS mirror
    WHERE ${condition} ORDER BY ${order(mirror)}) TO STDOUT`;
}

/** The rows of the target that have the keys of the staged ones. */
function copyOfStaged({ mirror, qualifiedName }: Target): string {
  const columns = mirror.columns.map(({ name }) => `mirror.${escapeIdentifier(name)}`);
  return `COPY (SELECT ${columns.join(', ')} FROM pg_temp.rivulet_rows AS staged JOIN ${qualifiedName} AS mirror
    ON ${sameKey(mirror)} AND network_id = current_setting('rivulet.network_id') ORDER BY ${order(mirror)}) TO STDOUT`;
}

function order(mirror: Mirror): string {
  return keyColumns(mirror)
    .map((column) => keyExpression('mirror', column))
    .join(', ');
}
