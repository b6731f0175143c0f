import { createPool, type PoolSettings } from '@rivulet/postgres';
import type { ClientBase, Pool } from 'pg';

/**
 * Connections to the data owner's database. On each of them, beyond what every connection has pinned,
 *
 * - statements outside our transactions, which have their own settings, are read-only;
 * - an unqualified name never means one of central's own tables: their schema is removed from the search path. A role
 *   with the name of the schema would have it there, as PostgreSQL's default path begins with "$user".
 */
export function createSourcePool(settings: PoolSettings): Pool {
  return createPool({ ...settings, onConnect: prepare });
}

async function prepare(client: ClientBase): Promise<void> {
  await client.query(prepareSession);
}

/** A path without that schema is not changed: schemas on it may be created later. */
const prepareSession = `
SELECT set_config('default_transaction_read_only', 'on', false),
  set_config('search_path', CASE
    WHEN current_user = 'rivulet' OR 'rivulet' = ANY (current_schemas(false)) THEN coalesce(
      (SELECT string_agg(quote_ident(schema), ', ' ORDER BY place)
       FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (schema, place) WHERE schema <> 'rivulet'), '')
    ELSE current_setting('search_path')
  END, false)`;
