import {
  ChunkCutter,
  CHUNK_MAX_BYTES,
  freeMemory,
  type Chunk,
  type ChunkCutterOptions,
} from '@rivulet/protocol';
import { copyOut } from '@rivulet/postgres';
import { escapeIdentifier, type ClientBase } from 'pg';
import { typedLiteral, type DescribedColumn, type Parameters } from './describe-query';
import { renderQuery, type QueryTemplate } from './query-template';
import { orderOfKey, sentColumn } from './read-chunks';
import { ScopeSplitter } from './scope-splitter';

/** One query for several scopes. */
export interface ScopesSource {
  template: QueryTemplate;
  columns: DescribedColumn[];
  keyColumns: number;
  /** The values of each scope. */
  scopes: Parameters[];
}

/** A chunk, and the place of its scope in the list. */
export interface ScopeChunk {
  scope: number;
  chunk: Chunk;
}

/** The relation with the parameters, one row for each scope, and its column with their places. */
const SCOPES = 'rivulet scopes';
const PLACE = 'rivulet scope';

/**
 * Reads the rows of all scopes in one statement, scope by scope and in key order, and cuts them into the chunks that
 * readChunks makes of each. A scope without rows has none. As for readChunks, the caller has prepared the transaction.
 *
 * @throws RowError when a key is NULL or repeated, or a row is too large; PostgreSQL's error when the query fails for one
 *   of the scopes, whichever
 */
export async function* readScopes(
  client: ClientBase,
  source: ScopesSource,
  limits: Pick<ChunkCutterOptions, 'maxRowBytes'> = {},
): AsyncGenerator<ScopeChunk, void> {
  const splitter = new ScopeSplitter();
  const workspace = Buffer.allocUnsafe(CHUNK_MAX_BYTES);
  try {
    let current: { scope: number; cutter: ChunkCutter } | undefined;
    for await (const buffer of copyOut(client, `COPY (${scopesSelect(source)}) TO STDOUT`)) {
      for (const { scope, bytes } of splitter.push(buffer)) {
        if (current?.scope !== scope) {
          if (current !== undefined) yield* named(current.scope, current.cutter.end());
          const cutter = new ChunkCutter(source.keyColumns, { ...limits, keepContent: true, workspace });
          current = { scope, cutter };
        }
        yield* named(scope, current.cutter.push(bytes));
      }
      freeMemory(buffer);
    }
    if (current !== undefined) yield* named(current.scope, current.cutter.end());
  } finally {
    freeMemory(workspace);
  }
}

function named(scope: number, chunks: Chunk[]): ScopeChunk[] {
  return chunks.map((chunk) => ({ scope, chunk }));
}

/**
 * The query as it stands, in a LATERAL over one row of parameters for each scope: the literals of a scope stand in that
 * row with their types, and the query names its columns where it would have the literals.
 */
export function scopesSelect({ template, columns, keyColumns, scopes }: ScopesSource): string {
  const parameters = [...new Set(template.parameters)];
  const columnOf = (name: string): string => escapeIdentifier(`rivulet ${parameters.indexOf(name)}`);
  const values = scopes.map((scope, place) => {
    const literal = typedLiteral(scope);
    return `(${[String(place), ...parameters.map(literal)].join(', ')})`;
  });
  const names = [escapeIdentifier(PLACE), ...parameters.map(columnOf)].join(', ');
  const query = renderQuery(template, (name) => `${escapeIdentifier(SCOPES)}.${columnOf(name)}`);
  return (
    `SELECT * FROM (SELECT ${escapeIdentifier(SCOPES)}.${escapeIdentifier(PLACE)}, dataset.* ` +
    `FROM (VALUES ${values.join(', ')}) AS ${escapeIdentifier(SCOPES)} (${names}), ` +
    `LATERAL (SELECT ${columns.map(sentColumn).join(', ')} FROM (\n${query}\n) AS query) AS dataset) AS datasets ` +
    `ORDER BY ${[escapeIdentifier(PLACE), ...orderOfKey({ columns, keyColumns })].join(', ')}`
  );
}

/** Whether no name of the query can be taken for one of those that the statement adds. */
export function leavesNamesFree({ texts }: QueryTemplate, columns: DescribedColumn[]): boolean {
  return !texts.some((text) => /rivulet/i.test(text)) && !columns.some(({ name }) => /rivulet/i.test(name));
}
