import { significantTokens, nameOf } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';

/** Stands for every mirror of this edge. */
const MIRRORS = 'mirrors';

interface Wanted {
  schema: string;
  name: string;
}

/** `orders`, `sales.orders` or `"Sales"."Orders"`; undefined for any other text. */
export function parseAllowed(text: string): Wanted | undefined {
  const tokens = significantTokens(text);
  const names = tokens.filter(({ kind }) => kind === 'name' || kind === 'quotedName').map(nameOf);
  const isWhole =
    tokens.length === names.length * 2 - 1 &&
    tokens.every(({ text: part }, index) => index % 2 === 0 || part === '.');
  if (!isWhole || names.length > 2) return undefined;
  return names.length === 1 ? { schema: 'public', name: names[0]! } : { schema: names[0]!, name: names[1]! };
}

/** By the names in the catalogue, and the comment that marks a mirror. */
const selectAllowed = `
SELECT class.oid::text AS oid FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
  AND ((nspname, relname) IN (SELECT schema, name FROM unnest($1::text[], $2::text[]) AS wanted (schema, name))
    OR $3 AND relkind = 'r' AND starts_with(obj_description(class.oid, 'pg_class'), 'Rivulet mirror of dataset '))`;

/** The OIDs of the tables and views that exist of a list. What it does not name cannot be read. */
export async function findAllowed(client: ClientBase, allow: readonly string[]): Promise<Set<string>> {
  const wanted = allow.flatMap((text) => parseAllowed(text) ?? []);
  const { rows } = await client.query<{ oid: string }>(selectAllowed, [
    wanted.map(({ schema }) => schema),
    wanted.map(({ name }) => name),
    allow.includes(MIRRORS),
  ]);
  return new Set(rows.map(({ oid }) => oid));
}
