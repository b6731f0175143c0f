import { RivuletError } from '@rivulet/errors';
import { inUndoneSavepoint } from '@rivulet/postgres';
import { normaliseMacAddress } from '@rivulet/protocol';
import { escapeIdentifier, type ClientBase, type Pool } from 'pg';
import { resolveScope, type Scope, SCOPE_PARAMETERS, type ScopeDefinition } from '@rivulet/datasets';
import { readWatches } from './read-watches';

/** The number of addresses that are tried until enough active devices are found. */
const MAX_TRIED = 50;

export interface SampleDevices {
  scopes: Scope[];
  /** Errors of the scope query, except for unknown or inactive devices. */
  failures: RivuletError[];
}

/** Finds devices by columns of MAC addresses in the tables that the scope query reads. */
export async function findSampleDevices(
  client: ClientBase,
  source: Pool,
  definition: ScopeDefinition,
  wanted: number,
): Promise<SampleDevices> {
  const found: SampleDevices = { scopes: [], failures: [] };
  for (const macAddress of await findMacAddresses(client, source, definition)) {
    const scope = await tryScope(client, definition, macAddress);
    if (!(scope instanceof RivuletError)) found.scopes.push(scope);
    else if (!scope.code.startsWith('DEVICE_')) found.failures.push(scope);
    if (found.scopes.length === wanted || found.failures.length > 0) break;
  }
  return found;
}

/** The scope of a device, or its error. The transaction stays usable. */
export async function tryScope(
  client: ClientBase,
  definition: ScopeDefinition,
  macAddress: string,
): Promise<Scope | RivuletError> {
  try {
    return await inUndoneSavepoint(client, () => resolveScope(client, definition, { macAddress }));
  } catch (error) {
    if (!(error instanceof RivuletError)) throw error;
    return error;
  }
}

async function findMacAddresses(
  client: ClientBase,
  source: Pool,
  { query: { template } }: ScopeDefinition,
): Promise<string[]> {
  const [watch] = await readWatches(source, [{ template, parameters: SCOPE_PARAMETERS }]);
  const { rows: columns } = await client.query<{ table: string; column: string }>(macColumns, [
    watch!.relations,
  ]);
  const addresses = new Set<string>();
  for (const { table, column } of columns) {
    const name = escapeIdentifier(column);
    const { rows } = await client.query<{ text: string }>(
      `SELECT ${name}::text AS text FROM ${table} WHERE ${name} IS NOT NULL LIMIT ${MAX_TRIED}`,
    );
    for (const { text } of rows) {
      const address = normalised(text);
      if (address !== undefined) addresses.add(address);
    }
  }
  return [...addresses].slice(0, MAX_TRIED);
}

function normalised(text: string): string | undefined {
  try {
    return normaliseMacAddress(text);
  } catch {
    return undefined;
  }
}

/** Columns of a MAC address type, and text columns with a similar name. */
const macColumns = `
SELECT attrelid::regclass::text AS table, attname AS column
FROM pg_attribute JOIN pg_type type ON type.oid = atttypid
WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped
  AND (typname IN ('macaddr', 'macaddr8') OR (typcategory = 'S' AND attname ~* 'mac|address|hw'))
  AND has_column_privilege(attrelid, attnum, 'SELECT')
ORDER BY typname NOT IN ('macaddr', 'macaddr8'), attname !~* 'mac', attrelid, attnum
LIMIT 10`;
