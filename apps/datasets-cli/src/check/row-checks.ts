import { formatByteSize } from '@rivulet/platform';
import { isPostgresError, sqlState, type PostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { cureForReading, type Dataset, type Scope } from '@rivulet/datasets';
import type { Findings } from './findings';
import { reportInvalidBytes } from './invalid-bytes';
import { readKeyFacts, type KeyFacts } from './key-facts';
import { counted, formatBytes } from '@rivulet/cli';
import { tryQuery } from '../source/try-query';

/** The largest entry of a B-tree: a third of a page. https://www.postgresql.org/docs/current/btree.html */
const INDEX_ENTRY_MAX_BYTES = 2_704;

/** Checks the rows that one device would get. Returns undefined if they cannot be read. */
export async function checkRows(
  client: ClientBase,
  dataset: Dataset,
  scope: Scope,
  maxRowBytes: number,
  findings: Findings,
): Promise<KeyFacts | undefined> {
  const facts = await tryQuery(client, () => readKeyFacts(client, dataset, scope.parameters));
  if (isPostgresError(facts)) {
    reportUnread(dataset, scope.macAddress, facts, findings);
    return undefined;
  }
  await reportInvalidBytes(client, dataset, scope, findings);
  const rows: CheckedRows = { dataset, macAddress: scope.macAddress, facts };
  reportNulls(rows, findings);
  reportRepeatedKey(rows, findings);
  reportLargeRow(rows, maxRowBytes, findings);
  reportLargeIndexEntries(rows, findings);
  return facts;
}

function reportUnread(
  { definition }: Dataset,
  macAddress: string,
  error: PostgresError,
  { mistakes, warnings }: Findings,
): void {
  const { name, query } = definition;
  const { code, message } = error;
  const place = query.placeOf(0);
  if (code === sqlState.queryCanceled || code === sqlState.lockNotAvailable) {
    warnings.add(
      place,
      `the rows of dataset ${name} were not checked: reading them for ${macAddress} took too long; see the plan with ` +
        '`npm run datasets -- explain`, or raise --timeout',
    );
  } else {
    const problem = `dataset ${name} cannot be read for ${macAddress}: ${message}`;
    const cure = cureForReading(error);
    mistakes.add(
      place,
      cure === undefined ? `${problem}; correct the query or the rows` : `${problem}. ${cure}`,
    );
  }
}

interface CheckedRows {
  dataset: Dataset;
  macAddress: string;
  facts: KeyFacts;
}

function reportNulls({ dataset, macAddress, facts }: CheckedRows, { mistakes }: Findings): void {
  const { name, key, placeOfColumn } = dataset.definition;
  for (const [index, nulls] of facts.nulls.entries()) {
    if (nulls === 0) continue;
    mistakes.add(
      placeOfColumn(key[index]!),
      `dataset ${name} has NULL in its key column ${key[index]} in ${nulls} of ` +
        `${counted(facts.rows, 'row')} for ${macAddress}; add ${key[index]} IS NOT NULL, or choose a different key`,
    );
  }
}

function reportRepeatedKey({ dataset, macAddress, facts }: CheckedRows, { mistakes }: Findings): void {
  if (facts.repeated === undefined) return;
  const { name, key, placeOfColumn } = dataset.definition;
  const values = facts.repeated.texts.join(', ');
  mistakes.add(
    placeOfColumn(key[0]!),
    `dataset ${name} has ${facts.repeated.rows} rows with the key (${key.join(', ')}) = (${values}) for ` +
      `${macAddress}; add a column to the key, or, where a join repeats rows, use EXISTS or SELECT DISTINCT`,
  );
}

function reportLargeRow(rows: CheckedRows, maxRowBytes: number, { mistakes }: Findings): void {
  const { dataset, macAddress, facts } = rows;
  if (facts.largestRowBytes <= maxRowBytes) return;
  const { name, query } = dataset.definition;
  mistakes.add(
    query.placeOf(0),
    `dataset ${name} has a row of about ${formatBytes(facts.largestRowBytes)} for ${macAddress}; the limit is ` +
      `${formatBytes(maxRowBytes)} (CENTRAL_MAX_ROW_BYTES is ${formatByteSize(maxRowBytes)}); remove the large column, ` +
      'split it, or raise CENTRAL_MAX_ROW_BYTES here and EDGE_MAX_ROW_BYTES on the devices',
  );
}

function reportLargeIndexEntries({ dataset, macAddress, facts }: CheckedRows, { warnings }: Findings): void {
  const { name, key, indexes, indexPlaces, placeOfColumn } = dataset.definition;
  for (const [position, bytes] of facts.indexEntryBytes.entries()) {
    if (bytes <= INDEX_ENTRY_MAX_BYTES) continue;
    const columns =
      position === 0 ? `key (${key.join(', ')})` : `index (${indexes[position - 1]!.join(', ')})`;
    warnings.add(
      position === 0 ? placeOfColumn(key[0]!) : indexPlaces[position - 1]!,
      `dataset ${name} has ${formatBytes(bytes)} in its ${columns} for ${macAddress}; an index on the edge ` +
        `allows ${formatBytes(INDEX_ENTRY_MAX_BYTES)}; leave out the long column, or use its md5()`,
    );
  }
}
