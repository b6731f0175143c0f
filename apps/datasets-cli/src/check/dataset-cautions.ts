import type { Parameters } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { Dataset, Watch } from '@rivulet/datasets';
import { keyBaseColumns } from '../plan/base-columns';
import type { LockRoom } from '../plan/lock-room';
import { formatCount } from '@rivulet/cli';
import type { Findings } from './findings';
import { adviseOnSort } from '../plan/sort-advice';
import { sortedRows, type PlanNode } from '../plan/query-plan';
import { cautionAboutLeaks } from './column-leaks';
import { cautionAboutText, requiresNotNull } from './query-text-cautions';

/** Warns of likely problems that show without reading rows. */
export async function cautionAboutDataset(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
  findings: Findings,
): Promise<void> {
  cautionAboutText(dataset.definition, findings);
  cautionAboutLeaks(dataset, findings);
  cautionAboutKeyTypes(dataset, findings);
  cautionAboutIndexes(dataset, findings);
  await cautionAboutNullableKey(client, dataset, parameters, findings);
}

/** Warns of a dataset whose changes cannot all be detected. */
export function cautionAboutPolling(
  { definition }: Dataset,
  { polled }: Watch,
  { warnings }: Findings,
): void {
  if (polled === undefined) return;
  const { name, query } = definition;
  warnings.add(
    query.placeOf(0),
    `dataset ${name} can change without a write because ${polled}, so central re-reads it after each ` +
      'CENTRAL_POLL_INTERVAL. If that is not intended, compare with a column instead',
  );
}

/** Warns about a large sort by the key. */
export async function cautionAboutSort(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
  plan: PlanNode,
  rowsFound: number,
  { warnings }: Findings,
): Promise<void> {
  const rows = sortedRows(plan);
  if (rows === undefined) return;
  const advice = await adviseOnSort(client, dataset, parameters, plan, Math.max(rows, rowsFound));
  const { name, query } = dataset.definition;
  if (advice !== undefined) warnings.add(query.placeOf(0), `dataset ${name}: ${advice}`);
}

/** A share of the server's locks that one statement should not take: other applications need theirs. */
const MANY_LOCKS = 1 / 4;

/** Warns of a query for which PostgreSQL locks a large part of what the whole server can lock. */
export function cautionAboutLocks(
  { definition: { name, query } }: Dataset,
  { held, room }: LockRoom,
  { warnings }: Findings,
): void {
  if (held < room * MANY_LOCKS) return;
  warnings.add(
    query.placeOf(0),
    `dataset ${name} makes PostgreSQL lock ${formatCount(held)} tables, partitions and indexes at once, and the server has ` +
      `room for ${formatCount(room)} locks of all sessions: this or another application can fail with "out of shared ` +
      'memory". Compare the partition key with constants, so that partitions are left out when the query is planned, or ' +
      'raise max_locks_per_transaction',
  );
}

function cautionAboutKeyTypes({ definition, columns }: Dataset, { warnings }: Findings): void {
  const { name, key, placeOfColumn } = definition;
  for (const { name: column, type } of columns.slice(0, key.length)) {
    if (/^(real|double precision)\b/.test(type)) {
      warnings.add(
        placeOfColumn(column),
        `dataset ${name} has the ${type} column ${column} in its key, and floating-point numbers that look equal may ` +
          'differ; cast it to numeric with a scale, or to text',
      );
    }
    if (type === 'numeric') {
      warnings.add(
        placeOfColumn(column),
        `dataset ${name} has the numeric column ${column} without a scale in its key, so 1.0 and 1.00 are equal keys ` +
          'with different texts; cast it, for example to numeric(12,2) or bigint',
      );
    }
  }
}

function cautionAboutIndexes({ definition }: Dataset, { warnings }: Findings): void {
  const { name, key, indexes, indexPlaces } = definition;
  for (const [position, columns] of indexes.entries()) {
    const others = [key, ...indexes.filter((_, other) => other !== position)];
    const isSame = (other: string[]): boolean => columns.every((column, index) => other[index] === column);
    const covering = others.findIndex(
      (other, index) => isSame(other) && (other.length > columns.length || index <= position),
    );
    if (covering === -1) continue;
    const what =
      covering === 0 ? 'its key, which is always indexed' : `its index (${others[covering]!.join(', ')})`;
    warnings.add(
      indexPlaces[position]!,
      `the index (${columns.join(', ')}) of dataset ${name} repeats the beginning of ${what}; remove it`,
    );
  }
}

/** Reads the columns behind the key. A condition IS NOT NULL is assumed to be about them. */
async function cautionAboutNullableKey(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
  { warnings }: Findings,
): Promise<void> {
  const { name, key, query, placeOfColumn } = dataset.definition;
  if (requiresNotNull(query.template)) return;
  const base = await keyBaseColumns(client, dataset, parameters);
  for (const [index, column] of base.entries()) {
    if (column?.isTable !== true || !column.isNullable) continue;
    warnings.add(
      placeOfColumn(key[index]!),
      `dataset ${name} has ${key[index]} in its key, and ${column.table}.${column.column} may be NULL; make that ` +
        `column NOT NULL, or add ${column.column} IS NOT NULL to the query`,
    );
  }
}
