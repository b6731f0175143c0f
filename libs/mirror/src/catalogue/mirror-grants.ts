import { RivuletError } from '@rivulet/errors';
import type { ManifestTable } from '@rivulet/protocol';
import { escapeIdentifier, type ClientBase } from 'pg';
import type { FoundMirror } from './mirror-catalogue';
import { placeText, qualifiedName, type MirrorPlace } from './mirror-place';

/** The comment that marks a schema as created for mirrors. */
const SCHEMA_COMMENT = 'Made by Rivulet for mirrors';

/** Creates the missing schemas of mirrors. */
export async function createMissingSchemas(client: ClientBase, places: MirrorPlace[]): Promise<void> {
  const names = [...new Set(places.map(({ schema }) => schema))];
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM unnest($1::text[]) AS name
     WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = name)`,
    [names],
  );
  for (const { name } of rows) {
    await client.query(`CREATE SCHEMA ${escapeIdentifier(name)};
      COMMENT ON SCHEMA ${escapeIdentifier(name)} IS '${SCHEMA_COMMENT}'`);
  }
}

/**
 * Requires that this PostgreSQL has all roles that may read mirrors.
 *
 * @throws RivuletError SCHEMA_UNSUPPORTED, naming them
 */
export async function requireRoles(client: ClientBase, tables: ManifestTable[]): Promise<void> {
  const roles = [...new Set(tables.flatMap(({ grants }) => grants))];
  if (roles.length === 0) return;
  const { rows } = await client.query<{ role: string }>(
    `SELECT role FROM unnest($1::text[]) AS role WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)`,
    [roles],
  );
  if (rows.length === 0) return;
  const missing = rows.map(({ role }) => role);
  const wanting = tables.filter(({ grants }) => grants.some((role) => missing.includes(role)));
  throw new RivuletError(
    'SCHEMA_UNSUPPORTED',
    `This edge's PostgreSQL does not have the role ${missing.join(', ')}, ` +
      `which must be able to read ${wanting.map(placeText).join(', ')}.`,
    { nextStep: `Nothing was applied. ${cureFor(missing)}` },
  );
}

/** PostgreSQL allows no role of these names. */
const NO_ROLES = new Set(['public', 'none']);

function cureFor(missing: string[]): string {
  const impossible = missing.find((role) => NO_ROLES.has(role));
  if (impossible !== undefined) {
    return `No role can have the name ${impossible}: take it out of \`grants:\` in the datasets file, and name the roles that read the mirror.`;
  }
  const statements = missing.map((role) => `CREATE ROLE ${escapeIdentifier(role)}`).join('; ');
  return `Create it on the device (${statements}), or take it out of \`grants:\` in the datasets file.`;
}

/** Roles without SELECT on the table, or without USAGE on a schema that Rivulet created. */
const selectLacking = `
  SELECT role,
         NOT EXISTS (SELECT FROM aclexplode(relacl)
                     WHERE grantee = pg_roles.oid AND privilege_type = 'SELECT') AS "table",
         obj_description(namespace.oid, 'pg_namespace') IS NOT DISTINCT FROM $3
           AND NOT EXISTS (SELECT FROM aclexplode(nspacl)
                           WHERE grantee = pg_roles.oid AND privilege_type = 'USAGE') AS schema
  FROM unnest($2::text[]) AS role JOIN pg_roles ON rolname = role,
       pg_class JOIN pg_namespace namespace ON namespace.oid = relnamespace
  WHERE pg_class.oid = to_regclass($1)`;

/**
 * Grants SELECT on a mirror to its roles, and revokes it from former ones.
 *
 * @param former the roles that had the grant
 */
export async function grantReading(
  client: ClientBase,
  { grants, schema, table }: Pick<ManifestTable, 'grants'> & MirrorPlace,
  former: string[],
): Promise<void> {
  const revoked = former.filter((role) => !grants.includes(role));
  if (grants.length === 0 && revoked.length === 0) return;
  const mirror = qualifiedName({ schema, table });
  const lacking = await client.query<{ role: string; table: boolean; schema: boolean }>(selectLacking, [
    mirror,
    grants,
    SCHEMA_COMMENT,
  ]);
  for (const lack of lacking.rows) {
    const role = escapeIdentifier(lack.role);
    if (lack.table) await client.query(`GRANT SELECT ON ${mirror} TO ${role}`);
    if (lack.schema) await client.query(`GRANT USAGE ON SCHEMA ${escapeIdentifier(schema)} TO ${role}`);
  }
  const { rows } = await client.query<{ role: string }>(
    'SELECT rolname AS role FROM pg_roles WHERE rolname = ANY ($1)',
    [revoked],
  );
  for (const { role } of rows) {
    await client.query(`REVOKE SELECT ON ${mirror} FROM ${escapeIdentifier(role)}`);
  }
}

/** Grants to other roles on a table and on these of its columns, in the syntax of GRANT. */
const selectGrants = `
  WITH granted AS (
    SELECT privilege_type AS privilege, grantee, is_grantable, relowner
    FROM pg_class, aclexplode(relacl) WHERE oid = $1
    UNION ALL
    SELECT privilege_type || ' (' || quote_ident(attname) || ')', grantee, is_grantable, relowner
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl)
    WHERE attrelid = $1 AND NOT attisdropped AND attname = ANY ($2)
  )
  SELECT privilege, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(rolname) END AS grantee,
         is_grantable AS "isGrantable"
  FROM granted LEFT JOIN pg_roles ON pg_roles.oid = grantee
  WHERE grantee <> relowner AND (grantee = 0 OR rolname IS NOT NULL)`;

/** Copies owner and grants of a mirror to the table that replaces it. */
export async function carryGrants(
  client: ClientBase,
  from: FoundMirror,
  to: string,
  columns: string[],
): Promise<void> {
  const { rows } = await client.query<{ privilege: string; grantee: string; isGrantable: boolean }>(
    selectGrants,
    [from.oid, columns],
  );
  for (const { privilege, grantee, isGrantable } of rows) {
    await client.query(`GRANT ${privilege} ON ${to} TO ${grantee}${isGrantable ? ' WITH GRANT OPTION' : ''}`);
  }
  const owner = await client.query<{ owner: string }>(
    `SELECT pg_get_userbyid(relowner) AS owner FROM pg_class
     WHERE oid = $1 AND relowner <> (SELECT relowner FROM pg_class WHERE oid = to_regclass($2))`,
    [from.oid, to],
  );
  const other = owner.rows[0]?.owner;
  if (other !== undefined) await client.query(`ALTER TABLE ${to} OWNER TO ${escapeIdentifier(other)}`);
}
