import type { ClientBase, QueryResult, QueryResultRow } from 'pg';

/** Statements that are sent at once. */
const BATCH = 100;

/** Runs many small statements without waiting for each: a batch of them is one message, and has one answer. */
export async function runStatements<R extends QueryResultRow>(
  client: ClientBase,
  statements: string[],
): Promise<QueryResult<R>[]> {
  const results: QueryResult<R>[] = [];
  for (let start = 0; start < statements.length; start += BATCH) {
    const batch = statements.slice(start, start + BATCH).join(';\n');
    // Several statements have several results, which the types of pg do not know.
    const result: QueryResult<R> | QueryResult<R>[] = await client.query<R>(batch);
    results.push(...(Array.isArray(result) ? result : [result]));
  }
  return results;
}

/** How many rows the statements have changed. */
export function countRows(results: QueryResult[]): number {
  return results.reduce((sum, result) => sum + (result.rowCount ?? 0), 0);
}
