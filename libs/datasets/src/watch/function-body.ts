import type { ClientBase } from 'pg';
import type { FunctionFacts } from './dependency-catalogue';

/** Words with which a body in PL/pgSQL reads tables, runs text, or asks for something of the moment. */
const READING_WORDS = new Set(
  `select from perform execute table with values fetch open cursor call insert update delete merge copy into query exists
   current_date current_time current_timestamp localtime localtimestamp current_schema now today tomorrow yesterday
   date time timetz timestamp timestamptz regclass regproc regprocedure regoper regoperator regrole regnamespace
   regcollation regtype collate pg_context`.split(/\s+/),
);

/**
 * Why a body that its owner calls IMMUTABLE may read something all the same; undefined when it has no word with which
 * it could, and calls nothing but immutable functions of PostgreSQL itself.
 */
export async function whyUnprovenBody(
  client: ClientBase,
  { source, types }: Pick<FunctionFacts, 'source' | 'types'>,
): Promise<string | undefined> {
  const words = source.toLowerCase().match(/[\p{L}_][\p{L}\p{N}_$]*/gu) ?? [];
  if (source.includes('"') || words.some((word) => READING_WORDS.has(word))) {
    return 'which is called immutable, and may read tables or a clock';
  }
  const called = [...source.toLowerCase().matchAll(/([\p{L}_][\p{L}\p{N}_$]*)\s*\(/gu)].map(
    (match) => match[1]!,
  );
  const { rows } = await client.query<{ reason: string }>(findReason, [called, words, source, types]);
  return rows[0]?.reason;
}

/** Functions and casts in C that are called immutable are taken at their word, as everywhere. */
const isTrusted = `provolatile = 'i' AND prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('c', 'internal'))`;

/**
 * A function is also called as if it were an attribute of its only argument. A cast is put in by PostgreSQL; one of a type that
 * somebody has made needs an argument or a result with such a type in it, as the body names none.
 */
const findReason = `
SELECT reason FROM (
  SELECT format('which calls %s()', proname) AS reason FROM pg_proc
  WHERE proname = ANY ($1) AND (pronamespace <> 'pg_catalog'::regnamespace OR provolatile <> 'i')
  UNION ALL
  SELECT format('which calls %s()', proname) FROM pg_proc
  WHERE proname = ANY ($2) AND pronargs = 1 AND pronamespace <> 'pg_catalog'::regnamespace
    AND (SELECT typtype IN ('c', 'p') FROM pg_type WHERE pg_type.oid = proargtypes[0])
  UNION ALL
  SELECT format('which names %s', typname) FROM pg_type
  WHERE typname = ANY ($2) AND typnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  UNION ALL
  SELECT format('which has %s, an operator of the database', oprname) FROM pg_operator JOIN pg_proc ON pg_proc.oid = oprcode
  WHERE oprnamespace <> 'pg_catalog'::regnamespace AND strpos($3, oprname) > 0 AND NOT (${isTrusted})
  UNION ALL
  SELECT format('which may cast %s to %s', castsource::regtype, casttarget::regtype)
  FROM pg_cast JOIN pg_proc ON pg_proc.oid = castfunc
  WHERE pg_cast.oid >= 16384 AND NOT (${isTrusted})
    AND ((castsource < 16384 AND casttarget < 16384) OR 16384 <= ANY ($4::oid[]))
) AS reasons LIMIT 1`;
