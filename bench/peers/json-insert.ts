import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { withClient } from '@rivulet/postgres';
import type { ClientBase, Pool } from 'pg';

const PAGE_ROWS = 10_000;
const INSERT_ROWS = 1_000;

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/**
 * How sync is often written by hand, page by page: SELECT, JSON, gzip, parse, INSERT of 1,000 rows at a time. In one
 * transaction, and without HTTP between the halves.
 */
export async function jsonInsert(source: Pool, target: Pool, table: string): Promise<void> {
  await withClient(source, (from) =>
    withClient(target, async (to) => {
      await to.query('BEGIN');
      await to.query(`TRUNCATE ${table}`);
      for (
        let page = await readPage(from, '0');
        page !== undefined;
        page = await readPage(from, page.lastId)
      ) {
        await insertPage(to, table, page.block);
      }
      await to.query('COMMIT');
    }),
  );
}

interface Page {
  /** Rows as JSON, gzip. */
  block: Buffer;
  lastId: string;
}

async function readPage(client: ClientBase, afterId: string): Promise<Page | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT * FROM bench_rows WHERE id > $1 ORDER BY id LIMIT ${PAGE_ROWS}`,
    [afterId],
  );
  if (rows.length === 0) return undefined;
  return { block: await compress(JSON.stringify(rows)), lastId: rows.at(-1)!.id };
}

async function insertPage(client: ClientBase, table: string, block: Buffer): Promise<void> {
  const rows = JSON.parse((await decompress(block)).toString()) as Record<string, unknown>[];
  for (let start = 0; start < rows.length; start += INSERT_ROWS) {
    const part = rows.slice(start, start + INSERT_ROWS);
    const columns = Object.keys(part[0]!);
    const tuples = part.map(
      (_, row) => `(${columns.map((_name, i) => `$${row * columns.length + i + 1}`).join()})`,
    );
    await client.query(
      `INSERT INTO ${table} (${columns.join()}) VALUES ${tuples.join()}`,
      part.flatMap((row) => columns.map((name) => row[name])),
    );
  }
}
