import type { ClientBase } from 'pg';

/** Words with which a body in PL/pgSQL reads tables, runs text, or asks for something of the moment. */
const READING_WORDS = new Set(
  `select from perform execute table with values fetch open cursor call insert update delete merge copy into query exists
   current_date current_time current_timestamp localtime localtimestamp current_schema now today tomorrow yesterday
   date time timetz timestamp timestamptz regclass regproc regprocedure regoper regoperator regrole regnamespace
   regcollation regtype`.split(/\s+/),
);

/**
 * Why a body that its owner calls IMMUTABLE may read something all the same; undefined when it has no word with which
 * it could, and calls nothing but immutable functions of PostgreSQL itself.
 */
export async function whyUnprovenBody(client: ClientBase, source: string): Promise<string | undefined> {
  const words = source.toLowerCase().match(/[\p{L}_][\p{L}\p{N}_$]*/gu) ?? [];
  if (source.includes('"') || words.some((word) => READING_WORDS.has(word))) {
    return 'which is called immutable, and may read tables or a clock';
  }
  const called = [...source.toLowerCase().matchAll(/([\p{L}_][\p{L}\p{N}_$]*)\s*\(/gu)].map(
    (match) => match[1]!,
  );
  const { rows } = await client.query<{ name: string }>(
    `SELECT proname AS name FROM pg_proc
     WHERE proname = ANY ($1) AND (pronamespace <> 'pg_catalog'::regnamespace OR provolatile <> 'i') LIMIT 1`,
    [called],
  );
  return rows[0] && `which calls ${rows[0].name}()`;
}
