import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { DefinitionKind } from './query-visit';

/** The dependencies of some queries, by kind and OID. */
export type DefinitionKeys = ReadonlyMap<DefinitionKind, ReadonlySet<string>>;

/** How things are defined now: a hash for each of the keys, `class:16384`, and for what all queries share. */
export type Definitions = ReadonlyMap<string, string>;

const SHARED = 'shared:';

/** Reads catalogues and waits for no lock: not for those that ALTER TABLE holds on the tables either. */
export async function readDefinitions(
  client: ClientBase,
  keys: DefinitionKeys,
  triggerNames: string[],
): Promise<Definitions> {
  const oids = kinds.map((kind) => [...(keys.get(kind) ?? [])]);
  const { rows } = await client.query<{ key: string; hash: string }>(hashDefinitions, [
    ...oids,
    triggerNames,
  ]);
  return new Map(rows.map(({ key, hash }) => [key, hash]));
}

/** One text for all that these keys stand for, with what all queries share: lower-case hex, of one length. */
export function definitionDigest(definitions: Definitions, keys: DefinitionKeys): string {
  const names = [...keys].flatMap(([kind, oids]) => [...oids].map((oid) => `${kind}:${oid}`));
  const hash = createHash('sha256');
  for (const name of [SHARED, ...names.toSorted()])
    hash.update(`${name}=${definitions.get(name) ?? 'gone'} `);
  return hash.digest('hex');
}

/** In the order of the parameters. */
const kinds: DefinitionKind[] = ['class', 'proc', 'type', 'operator', 'collation', 'textsearch'];

/** Whose presence can change what a name in a query means, by the index on names. */
function namesakes(catalogue: string, prefix: string, where = 'true'): string {
  return `(SELECT string_agg(concat_ws(' ', other.oid, ${prefix}namespace, other.xmin), ',' ORDER BY other.oid)
    FROM ${catalogue} other JOIN pg_namespace ON pg_namespace.oid = ${prefix}namespace
    WHERE other.${prefix}name = ${catalogue}.${prefix}name AND nspname !~ '^pg_(temp|toast)' AND ${where})`;
}

/** Every row of a catalogue that belongs to something, with its version. */
function rowsOf(catalogue: string, condition: string, columns = ''): string {
  return `(SELECT string_agg(concat_ws(' ', part.tableoid, ${columns === '' ? '' : `${columns}, `}part.xmin), ',' ORDER BY part.xmin::text, part.ctid)
    FROM ${catalogue} part WHERE ${condition})`;
}

/** What a session of now has its settings from, beside the server's configuration. */
const roleSettings = rowsOf(
  'pg_db_role_setting',
  `part.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND (part.setrole = 0 OR part.setrole IN (SELECT oid FROM pg_roles WHERE rolname IN (session_user, current_user)))`,
  'part.setdatabase, part.setrole',
);

/** A text that changes whenever a new session would have other settings than an older one. */
export async function readRoleSettings(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ settings: string }>(
    `SELECT coalesce(${roleSettings}, '') AS settings`,
  );
  return rows[0]!.settings;
}

/**
 * xmin says that a catalogue row was written, whatever is in it. The row of a table is the exception: TRUNCATE and CREATE
 * INDEX write it, and say nothing of what a query returns, so that its columns are named. Only those roles count in
 * whose name the query reads: central's, and the owners of the relations, with all that they are members of.
 */
const hashDefinitions = `
WITH RECURSIVE readers AS (
  SELECT oid AS root, oid FROM pg_roles
  WHERE rolname = current_user OR oid IN (SELECT relowner FROM pg_class WHERE oid = ANY ($1::oid[]))
  UNION SELECT root, roleid FROM pg_auth_members JOIN readers ON member = readers.oid
), roles AS (
  SELECT root, string_agg(concat_ws(' ', pg_roles.oid, rolname, rolsuper, rolinherit, rolbypassrls,
    ${rowsOf('pg_auth_members', 'part.member = pg_roles.oid', 'part.roleid')}), ',' ORDER BY pg_roles.oid) AS facts
  FROM readers JOIN pg_roles USING (oid) GROUP BY root
)
SELECT '${SHARED}' AS key, md5(concat_ws('|',
  (SELECT string_agg(facts, ',' ORDER BY root) FROM roles JOIN pg_roles ON pg_roles.oid = root WHERE rolname = current_user),
  current_setting('server_version_num'), current_setting('search_path'), current_schemas(false)::text,
  current_setting('lc_numeric'), current_setting('lc_time'), current_setting('timezone_abbreviations'),
  current_setting('default_text_search_config'),
  (SELECT concat_ws(' ', oid, datname, datacl::text) FROM pg_database WHERE datname = current_database()),
  ${roleSettings},
  ${rowsOf('pg_cast', 'part.oid >= 16384')},
  ${rowsOf('pg_conversion', 'part.oid >= 16384')}
)) AS hash
UNION ALL
SELECT 'class:' || pg_class.oid, md5(concat_ws('|', relname, relkind, relnamespace, relowner, relpersistence,
  relrowsecurity, relforcerowsecurity, relispartition, reloptions::text, relacl::text, relpartbound::text, owner.facts,
  ${rowsOf('pg_namespace', 'part.oid = relnamespace')},
  ${rowsOf('pg_attribute', 'part.attrelid = pg_class.oid AND part.attnum > 0', 'part.attnum')},
  ${rowsOf('pg_attrdef', 'part.adrelid = pg_class.oid')},
  ${rowsOf('pg_rewrite', 'part.ev_class = pg_class.oid')},
  ${rowsOf('pg_policy', 'part.polrelid = pg_class.oid')},
  ${rowsOf('pg_constraint', `part.conrelid = pg_class.oid AND part.contype = 'p'`)},
  ${rowsOf('pg_subscription_rel', 'part.srrelid = pg_class.oid', 'part.srsubid')},
  ${rowsOf('pg_inherits', 'pg_class.oid IN (part.inhrelid, part.inhparent)', 'part.inhrelid, part.inhparent')},
  ${rowsOf('pg_trigger', 'part.tgrelid = pg_class.oid AND part.tgname = ANY ($7)', `part.tgenabled, (SELECT xmin FROM pg_proc WHERE pg_proc.oid = part.tgfoid)`)},
  ${namesakes('pg_class', 'rel', `other.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')`).replaceAll('other.xmin', 'other.relkind')}
)) FROM pg_class JOIN roles owner ON owner.root = relowner WHERE pg_class.oid = ANY ($1::oid[])
UNION ALL
SELECT 'proc:' || pg_proc.oid, md5(concat_ws('|', pg_proc.xmin,
  ${rowsOf('pg_aggregate', 'part.aggfnoid = pg_proc.oid')},
  ${rowsOf('pg_namespace', 'part.oid = pronamespace')},
  ${namesakes('pg_proc', 'pro')}
)) FROM pg_proc WHERE pg_proc.oid = ANY ($2::oid[])
UNION ALL
SELECT 'type:' || pg_type.oid, md5(concat_ws('|', pg_type.xmin,
  ${rowsOf('pg_enum', 'part.enumtypid = pg_type.oid', 'part.enumsortorder')},
  ${rowsOf('pg_constraint', 'part.contypid = pg_type.oid')},
  ${rowsOf('pg_range', 'part.rngtypid = pg_type.oid')},
  ${rowsOf('pg_opclass', 'part.opcintype = pg_type.oid')},
  ${rowsOf('pg_amop', 'part.amoplefttype = pg_type.oid')},
  ${rowsOf('pg_amproc', 'part.amproclefttype = pg_type.oid')},
  CASE WHEN typtype = 'c' THEN ${rowsOf('pg_attribute', 'part.attrelid = typrelid AND part.attnum > 0', 'part.attnum')} END,
  ${rowsOf('pg_namespace', 'part.oid = typnamespace')},
  ${namesakes('pg_type', 'typ')}
)) FROM pg_type WHERE pg_type.oid = ANY ($3::oid[])
UNION ALL
SELECT 'operator:' || pg_operator.oid, md5(concat_ws('|', pg_operator.xmin, ${namesakes('pg_operator', 'opr')}))
FROM pg_operator WHERE pg_operator.oid = ANY ($4::oid[])
UNION ALL
SELECT 'collation:' || pg_collation.oid, md5(concat_ws('|', pg_collation.xmin, ${namesakes('pg_collation', 'coll')}))
FROM pg_collation WHERE pg_collation.oid = ANY ($5::oid[])
UNION ALL
SELECT 'textsearch:' || asked.oid, md5(concat_ws('|',
  ${rowsOf('pg_ts_config', 'part.oid = asked.oid')},
  (SELECT ${namesakes('pg_ts_config', 'cfg')} FROM pg_ts_config WHERE pg_ts_config.oid = asked.oid),
  (SELECT ${namesakes('pg_ts_dict', 'dict')} FROM pg_ts_dict WHERE pg_ts_dict.oid = asked.oid),
  ${rowsOf('pg_ts_config_map', 'part.mapcfg = asked.oid')},
  ${rowsOf('pg_ts_dict', 'part.oid = asked.oid OR part.oid IN (SELECT mapdict FROM pg_ts_config_map WHERE mapcfg = asked.oid)')},
  ${rowsOf('pg_ts_template', 'true')},
  ${rowsOf('pg_ts_parser', 'true')}
)) FROM unnest($6::oid[]) AS asked (oid)`;
