import { NAME_MAX_BYTES } from '@rivulet/protocol';
import type { ClientBase } from 'pg';

/** A name as PostgreSQL would choose it, cut to the maximum length. */
export function composeName(parts: string[], suffix: string): string {
  // Leaves room for a number.
  const room = NAME_MAX_BYTES - Buffer.byteLength(suffix) - 4;
  const base = Buffer.from(parts.join('_'));
  let length = Math.min(base.length, room);
  // Never cuts a character apart.
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

/** The name, with a number appended if a relation of the schema already has it. */
export async function freeName(client: ClientBase, schema: string, name: string): Promise<string> {
  const { rows } = await client.query<{ candidate: string }>(selectFree, [schema, name]);
  return rows[0]?.candidate ?? name;
}
