import type { Parameters } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { type Dataset, watchQuery } from '@rivulet/datasets';
import { keyBaseColumns } from './base-columns';
import type { Findings } from './findings';
import { adviseOnOrder } from './order-advice';
import { formatCount } from '@rivulet/cli';
import { keyOrderOf, type PlanNode } from './query-plan';
import { cautionAboutText } from './query-text-cautions';

/** Rows that PostgreSQL sorts in a moment, and within its work_mem. */
export const UNREMARKABLE_SORT_ROWS = 10_000;

/** What may become a mistake, as far as it can be told without reading rows. */
export async function cautionAboutDataset(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
  findings: Findings,
): Promise<void> {
  const { definition } = dataset;
  const { name, query } = definition;
  cautionAboutText(definition, findings);
  cautionAboutKeyTypes(dataset, findings);
  cautionAboutIndexes(dataset, findings);
  await cautionAboutNullableKey(client, dataset, parameters, findings);
  const { polled } = await watchQuery(client, query.template, parameters);
  if (polled !== undefined) {
    findings.warnings.add(
      query.placeOf(0),
      `the rows of dataset ${name} can change without a write, because ${polled}; central reads them again after ` +
        'each CENTRAL_POLL_INTERVAL. If that is not meant, compare with a column instead',
    );
  }
}

/** Of a sort by the key that is no small thing. */
export async function cautionAboutOrder(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
  plan: PlanNode,
  rowsFound: number,
  { warnings, notes }: Findings,
): Promise<void> {
  const order = keyOrderOf(plan);
  if (order.by !== 'sort') return;
  const rows = Math.max(order.rows, rowsFound);
  if (rows <= UNREMARKABLE_SORT_ROWS) return;
  const { name, key, query } = dataset.definition;
  const what = `each reading of dataset ${name} sorts about ${formatCount(rows)} rows by its key (${key.join(', ')})`;
  const advice = await adviseOnOrder(client, dataset, parameters, plan);
  if (advice.kind === 'create-index') {
    warnings.add(query.placeOf(0), `${what}; an index gives that order: ${advice.statement}`);
  } else if (advice.kind === 'no-index-can') {
    notes.add(query.placeOf(0), `${what}, and no index can give that order, because ${advice.reason}`);
  }
}

function cautionAboutKeyTypes({ definition, columns }: Dataset, { warnings }: Findings): void {
  const { name, key, placeOfColumn } = definition;
  for (const { name: column, type } of columns.slice(0, key.length)) {
    if (/^(real|double precision)\b/.test(type)) {
      warnings.add(
        placeOfColumn(column),
        `dataset ${name} has the ${type} ${column} in its key, and floating-point numbers that look equal may not ` +
          'be; cast it to numeric with a scale, or to text',
      );
    }
    if (type === 'numeric') {
      warnings.add(
        placeOfColumn(column),
        `dataset ${name} has the numeric ${column} in its key without a scale, so 1.0 and 1.00 are one key in two ` +
          'ways; cast it, for example to numeric(12,2) or bigint',
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
      covering === 0 ? 'its key, which has an index anyhow' : `its index (${others[covering]!.join(', ')})`;
    warnings.add(
      indexPlaces[position]!,
      `the index (${columns.join(', ')}) of dataset ${name} repeats the beginning of ${what}; leave it out`,
    );
  }
}

/** By the columns behind the key. A condition IS NOT NULL is taken to be about them. */
async function cautionAboutNullableKey(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
  { warnings }: Findings,
): Promise<void> {
  const { name, key, query, placeOfColumn } = dataset.definition;
  if (/\bis\s+not\s+null\b/i.test(query.template.texts.join(' '))) return;
  const base = await keyBaseColumns(client, dataset, parameters);
  for (const [index, column] of base.entries()) {
    if (column?.isTable !== true || !column.isNullable) continue;
    warnings.add(
      placeOfColumn(key[index]!),
      `dataset ${name} has ${key[index]} in its key, and ${column.table}.${column.column} may be NULL; make it ` +
        `NOT NULL there, or add ${column.column} IS NOT NULL to the query`,
    );
  }
}
