import { formatByteSize } from '@rivulet/platform';
import { isPostgresError, sqlState, type PostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import type { Dataset, Scope } from '@rivulet/datasets';
import type { Findings } from './findings';
import { readKeyFacts, type KeyFacts } from './key-facts';
import { counted, formatBytes } from '@rivulet/cli';
import { tryQuery } from './try-query';

/** A third of a page: the largest entry of a B-tree. https://www.postgresql.org/docs/current/btree.html */
const INDEX_ENTRY_MAX_BYTES = 2_704;

/** Looks at the rows that one device would get. Undefined when they cannot be read. */
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
  judge(dataset, scope.macAddress, facts, maxRowBytes, findings);
  return facts;
}

function reportUnread(
  { definition }: Dataset,
  macAddress: string,
  { code, message }: PostgresError,
  { mistakes, warnings }: Findings,
): void {
  const { name, query } = definition;
  const place = query.placeOf(0);
  if (code === sqlState.queryCanceled || code === sqlState.lockNotAvailable) {
    warnings.add(
      place,
      `the rows of dataset ${name} were not looked at: reading them for ${macAddress} took too long; see why with ` +
        '`npm run datasets -- explain`, or give more time with --timeout',
    );
  } else {
    const problem = `dataset ${name} cannot be read for ${macAddress}: ${message}`;
    mistakes.add(place, `${problem}; correct the query or the rows`);
  }
}

function judge(
  dataset: Dataset,
  macAddress: string,
  facts: KeyFacts,
  maxRowBytes: number,
  { mistakes, warnings }: Findings,
): void {
  const { name, key, query, indexes, indexPlaces, placeOfColumn } = dataset.definition;
  const listed = key.join(', ');
  for (const [index, nulls] of facts.nulls.entries()) {
    if (nulls === 0) continue;
    mistakes.add(
      placeOfColumn(key[index]!),
      `dataset ${name} has NULL in ${key[index]} of its key (${listed}) in ${nulls} of ` +
        `${counted(facts.rows, 'row')} for ${macAddress}; add ${key[index]} IS NOT NULL, or choose another key`,
    );
  }
  if (facts.repeated !== undefined) {
    const values = facts.repeated.texts.join(', ');
    mistakes.add(
      placeOfColumn(key[0]!),
      `dataset ${name} has ${facts.repeated.rows} rows with the key (${listed}) = (${values}) for ${macAddress}; ` +
        'add a column to the key, or, where a join repeats rows, use EXISTS or SELECT DISTINCT',
    );
  }
  if (facts.largestRowBytes > maxRowBytes) {
    mistakes.add(
      query.placeOf(0),
      `dataset ${name} has a row of about ${formatBytes(facts.largestRowBytes)} for ${macAddress}, and ` +
        `${formatBytes(maxRowBytes)} are carried at most (CENTRAL_MAX_ROW_BYTES is ${formatByteSize(maxRowBytes)}); leave ` +
        'the large column out, or split it, or raise that here, and EDGE_MAX_ROW_BYTES on the devices',
    );
  }
  for (const [position, bytes] of facts.indexEntryBytes.entries()) {
    if (bytes <= INDEX_ENTRY_MAX_BYTES) continue;
    const columns = position === 0 ? `key (${listed})` : `index (${indexes[position - 1]!.join(', ')})`;
    warnings.add(
      position === 0 ? placeOfColumn(key[0]!) : indexPlaces[position - 1]!,
      `dataset ${name} has ${formatBytes(bytes)} in its ${columns} for ${macAddress}, and an index on the edge ` +
        `takes ${formatBytes(INDEX_ENTRY_MAX_BYTES)}; leave the long column out, or use md5() of it`,
    );
  }
}
