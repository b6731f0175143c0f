import { NAME_MAX_BYTES } from '@rivulet/protocol';
import type { ClientBase } from 'pg';

/** As PostgreSQL names what it makes: of the parts that there is room for. */
export function composeName(parts: string[], suffix: string): string {
  // Room for the number that tells it from others.
  const room = NAME_MAX_BYTES - Buffer.byteLength(suffix) - 4;
  const base = Buffer.from(parts.join('_'));
  let length = Math.min(base.length, room);
  // Not in the middle of a character.
  while (length > 0 && (base[length]! & 0xc0) === 0x80) length--;
  return `${base.subarray(0, length).toString()}_${suffix}`;
}

const selectFree = `
  SELECT candidate
  FROM (SELECT number, $2 || CASE number WHEN 0 THEN '' ELSE number::text END AS candidate
        FROM generate_series(0, 99) AS number) AS candidates
  WHERE NOT EXISTS (SELECT FROM pg_class JOIN pg_namespace namespace ON namespace.oid = relnamespace
                    WHERE nspname = $1 AND relname = candidate)
  ORDER BY number LIMIT 1`;

/** The name, or, where a relation of the schema has it, the name with a number. */
export async function freeName(client: ClientBase, schema: string, name: string): Promise<string> {
  const { rows } = await client.query<{ candidate: string }>(selectFree, [schema, name]);
  return rows[0]?.candidate ?? name;
}
