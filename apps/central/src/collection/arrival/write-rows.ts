import { RivuletError } from '@rivulet/errors';
import {
  columnList,
  copyToStaging,
  coversHalf,
  createStaging,
  findRanges,
  indexStaging,
  inRange,
  joinSpans,
  keyColumns,
  mergeRanges,
  rangeOfSpan,
  sameKey,
  withSettings,
} from '@rivulet/mirror';
import { copyIn, isPostgresError } from '@rivulet/postgres';
import type { ChunkSummary, PatchedSpan } from '@rivulet/protocol';
import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import { NETWORK_SETTING, RUN_SETTING, unfit, type Target } from './target-table';

/** The rows of one network for a run. */
export interface ArrivedRows {
  networkId: string;
  runId: string;
  /** When they were read; null for those of now. */
  collectedAt: Date | null;
  /** A mirror: the chunks that the network's rows consist of, and those of them that are replaced. */
  base: readonly ChunkSummary[];
  spans: readonly PatchedSpan[];
  /** Canonical rows, in the order of the key. */
  content: AsyncIterable<Buffer>;
}

/** `loaded`: there were none of them before, so no row was compared · `staged`: they are in `rivulet_rows` as well. */
export type WrittenBy = 'loaded' | 'staged';

/**
 * Writes the rows of one network into the target table. The caller has opened the transaction, pinned the canonical
 * settings, and reads the rows back.
 *
 * @throws RivuletError COLLECTION_OFFER_INVALID when PostgreSQL cannot read a row, or a key repeats
 */
export async function writeRows(client: ClientBase, target: Target, rows: ArrivedRows): Promise<WrittenBy> {
  const { networkId, runId, collectedAt } = rows;
  await client.query('SELECT set_config($1, $2, true), set_config($3, $4, true)', [
    NETWORK_SETTING,
    networkId,
    RUN_SETTING,
    runId,
  ]);
  return refusable(target, async () => {
    if (collectedAt !== null) return loadDated(client, target, rows.content, collectedAt);
    if (target.mode === 'snapshot' || !(await hasRows(client, target, rows.networkId))) {
      const columns = columnList(target.mirror.columns);
      await copyIn(client, `COPY ${target.qualifiedName} (${columns}) FROM STDIN`, rows.content);
      return 'loaded';
    }
    await createStaging(client, target.mirror, 'rivulet_rows');
    await copyToStaging(client, 'rivulet_rows', rows.content);
    await indexStaging(client, target.mirror, 'rivulet_rows');
    if (target.mode === 'mirror') await deleteUnstaged(client, target, rows);
    await upsertStaged(client, target);
    return 'staged';
  });
}

/** Rows of a snapshot that were read before: a default of the table would cost all others time, too. */
async function loadDated(
  client: ClientBase,
  target: Target,
  content: ArrivedRows['content'],
  collectedAt: Date,
): Promise<WrittenBy> {
  const columns = columnList(target.mirror.columns);
  await createStaging(client, target.mirror, 'rivulet_rows');
  await copyToStaging(client, 'rivulet_rows', content);
  await client.query(
    `INSERT INTO ${target.qualifiedName} (${columns}, collected_at)
     SELECT ${columns}, $1 FROM pg_temp.rivulet_rows`,
    [collectedAt],
  );
  return 'loaded';
}

/** Writes rows that are in `rivulet_rows` already. */
async function upsertStaged(client: ClientBase, target: Target): Promise<void> {
  const names = target.mirror.columns.map((column) => escapeIdentifier(column.name));
  const key = ['network_id', ...keyColumns(target.mirror).map((column) => escapeIdentifier(column.name))];
  const missing = target.missing.map((name) => escapeIdentifier(name));
  const sets = [
    ...[...names, 'collected_at', 'run_id'].map((name) => `${name} = excluded.${name}`),
    ...missing.map((name) => `${name} = NULL`),
  ];
  // `*<>` compares the stored values: 1.0 and 1.00 are equal but have different texts, and json has no equality.
  const differs = [
    `${rowOf('mirror', names)} *<> ${rowOf('excluded', names)}`,
    ...missing.map((name) => `mirror.${name} IS NOT NULL`),
  ];
  await client.query(
    `INSERT INTO ${target.qualifiedName} AS mirror (${names.join(', ')})
     SELECT ${names.join(', ')} FROM pg_temp.rivulet_rows
     ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${sets.join(', ')} WHERE ${differs.join(' OR ')}`,
  );
}

/** As one value: PostgreSQL would take a comparison of two lists for one of their members. */
function rowOf(alias: string, names: string[]): string {
  return `ROW(${names.map((name) => `${alias}.${name}`).join(', ')})::record`;
}

/** The condition that a row is of a network. */
export function ofNetwork(networkId: string): string {
  return `network_id = ${escapeLiteral(networkId)}`;
}

async function hasRows(client: ClientBase, target: Target, networkId: string): Promise<boolean> {
  const { rows } = await client.query<{ has: boolean }>(
    `SELECT EXISTS (SELECT FROM ${target.qualifiedName} WHERE ${ofNetwork(networkId)}) AS has`,
  );
  return rows[0]!.has;
}

/** Deletes within the key ranges whose chunks are replaced; without a list of chunks, among all rows of the network. */
async function deleteUnstaged(
  client: ClientBase,
  { mirror, qualifiedName }: Target,
  { networkId, base, spans }: ArrivedRows,
): Promise<void> {
  const joined = joinSpans(base.length === 0 ? [{ position: 0, count: 0 }] : spans);
  await withSettings(
    client,
    base.length === 0 || coversHalf(base, joined) ? mergeRanges : findRanges,
    async () => {
      for (const span of joined) {
        const range = rangeOfSpan(base, span);
        await client.query(
          `DELETE FROM ${qualifiedName} AS mirror
         WHERE ${ofNetwork(networkId)} AND ${inRange(mirror, 'mirror', range)} AND NOT EXISTS (
           SELECT FROM pg_temp.rivulet_rows AS staged WHERE ${sameKey(mirror)} AND ${inRange(mirror, 'staged', range)})`,
        );
      }
    },
  );
}

/** Rows that no table can hold, and tables that somebody has made such that they take no rows of central. */
async function refusable<T>({ mirror }: Target, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isPostgresError(error)) throw error;
    if (/^(0A|42|P0|09|38|39)/.test(error.code)) throw unfit(mirror.place.table, error.message, error);
    // 54: a key that is too large for an index.
    if (!/^(22|23|54)/.test(error.code)) throw error;
    throw new RivuletError('COLLECTION_OFFER_INVALID', `PostgreSQL does not take a row: ${error.message}.`, {
      cause: error,
    });
  }
}
