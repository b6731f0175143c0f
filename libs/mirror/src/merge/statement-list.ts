import type { ClientBase, QueryResult, QueryResultRow } from 'pg';

/** Number of statements in one message. */
const BATCH = 100;

/** Runs many small statements in batches, each sent as one message. */
export async function runStatements<R extends QueryResultRow>(
  client: ClientBase,
  statements: string[],
): Promise<QueryResult<R>[]> {
  const results: QueryResult<R>[] = [];
  for (let start = 0; start < statements.length; start += BATCH) {
    const batch = statements.slice(start, start + BATCH).join(';\n');
    // pg returns a list for several statements, which its types do not say.
    const result: QueryResult<R> | QueryResult<R>[] = await client.query<R>(batch);
    results.push(...(Array.isArray(result) ? result : [result]));
  }
  return results;
}

/** How many rows the statements changed. */
export function countRows(results: QueryResult[]): number {
  return results.reduce((sum, result) => sum + (result.rowCount ?? 0), 0);
}
