import { createPool, type PoolSettings } from '@rivulet/postgres';
import type { ClientBase, Pool } from 'pg';

/**
 * Connections to the data owner's database. On each of them
 *
 * - what is not in a transaction of ours, which sets its own, reads only and has an end;
 * - a string in a query ends where the datasets file's reader sees its end, also in front of a backslash;
 * - a plain name in a query never means one of central's own tables: their schema is taken off the search path. A role
 *   that is called as the schema would have it in front, as PostgreSQL's default path begins with "$user".
 */
export function createSourcePool(settings: PoolSettings): Pool {
  return createPool({ ...settings, onConnect: prepare });
}

async function prepare(client: ClientBase): Promise<void> {
  await client.query(prepareSession);
}

/** A path without that schema is left as it is: what it names may be made later. */
const prepareSession = `
SELECT set_config('statement_timeout', '30s', false), set_config('lock_timeout', '10s', false),
  set_config('default_transaction_read_only', 'on', false),
  set_config('standard_conforming_strings', 'on', false),
  set_config('search_path', CASE
    WHEN current_user = 'rivulet' OR 'rivulet' = ANY (current_schemas(false)) THEN coalesce(
      (SELECT string_agg(quote_ident(schema), ', ' ORDER BY place)
       FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (schema, place) WHERE schema <> 'rivulet'), '')
    ELSE current_setting('search_path')
  END, false)`;
