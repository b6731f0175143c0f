import { RivuletError } from '@rivulet/errors';
import { isInterruption, isConflict, isPostgresError } from '@rivulet/postgres';
import { bindQuery, type Parameters, type ParameterValue } from '@rivulet/snapshot';
import { escapeIdentifier, type ClientBase } from 'pg';
import {
  SCOPE_ACTIVE_COLUMN,
  SCOPE_DEVICE_COLUMN,
  type ScopeDefinition,
} from '../catalogue/dataset-catalogue';

/** The device that a scope is resolved for. */
export interface ScopeSubject {
  /** In its normal form. */
  macAddress: string;
  /** Its id and name in central's registry; missing for a device that is not registered yet. */
  deviceId?: string | undefined;
  name?: string | undefined;
}

/** The scope of one device, from the scope query. */
export interface Scope {
  /** The device's identity in the source, as text: what the scope query returns. */
  deviceId: string;
  macAddress: string;
  /** The scope's columns, which the dataset queries use as parameters. */
  parameters: Parameters;
}

/**
 * Runs the scope query for a device. The caller has pinned the canonical settings, so that values become
 * the same literals everywhere.
 *
 * @throws RivuletError DEVICE_UNKNOWN · DEVICE_INACTIVE · SCOPE_AMBIGUOUS · DATASET_QUERY_FAILED · SERVER_BUSY
 */
export async function resolveScope(
  client: ClientBase,
  definition: ScopeDefinition,
  subject: ScopeSubject,
): Promise<Scope> {
  const { macAddress } = subject;
  const place = definition.query.placeOf(0);
  const rows = await readRows(client, definition, subject);
  const [row] = rows;
  if (row === undefined) {
    throw new RivuletError('DEVICE_UNKNOWN', `No device with the MAC address ${macAddress} is registered.`);
  }
  if (rows.length > 1) {
    throw new RivuletError(
      'SCOPE_AMBIGUOUS',
      `The scope query at ${place} returns more than one row for ${macAddress}.`,
    );
  }
  const parameters = parametersOf(definition, row);
  const isActive = parameters.get(SCOPE_ACTIVE_COLUMN)?.value;
  if (isActive !== undefined && isActive !== 't') {
    throw new RivuletError('DEVICE_INACTIVE', `The device with the MAC address ${macAddress} is not active.`);
  }
  const scope = scopeOf(macAddress, parameters);
  if (scope === undefined) {
    throw new RivuletError(
      'SCOPE_AMBIGUOUS',
      `The scope query at ${place} returns a row for ${macAddress} whose ${SCOPE_DEVICE_COLUMN} is NULL.`,
    );
  }
  return scope;
}

/** The scope that a device with these parameters has. */
export function scopeOf(macAddress: string, parameters: Parameters): Scope | undefined {
  const deviceId = parameters.get(SCOPE_DEVICE_COLUMN)?.value;
  return deviceId === null || deviceId === undefined ? undefined : { deviceId, macAddress, parameters };
}

/** The values of a scope's columns, in their order, under their names. */
export function parametersOf(
  { columns }: Pick<ScopeDefinition, 'columns'>,
  values: readonly (string | null)[],
): Parameters {
  return new Map(
    [...columns].map(([name, { type }], index): [string, ParameterValue] => [
      name,
      { type, value: values[index] ?? null },
    ]),
  );
}

/** The parameters of the scope query for a device. */
export function scopeParametersOf({ macAddress, deviceId, name }: ScopeSubject): Parameters {
  return new Map([
    ['mac_address', { type: 'text', value: macAddress }],
    ['device_id', { type: 'text', value: deviceId ?? null }],
    ['device_name', { type: 'text', value: name ?? null }],
  ]);
}

/** Returns at most two rows, with the described columns as text. */
async function readRows(
  client: ClientBase,
  { query, columns }: ScopeDefinition,
  subject: ScopeSubject,
): Promise<(string | null)[][]> {
  const { macAddress } = subject;
  const given = scopeParametersOf(subject);
  const names = [...columns.keys()].map(escapeIdentifier).join(', ');
  try {
    const { rows } = await client.query<(string | null)[]>({
      text: `SELECT ${names} FROM (\n${bindQuery(query.template, given)}\n) AS scope LIMIT 2`,
      rowMode: 'array',
      types: { getTypeParser: () => (text: string) => text },
    });
    return rows;
  } catch (error) {
    // The query is not to blame for a database that shuts down.
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    throw new RivuletError(
      isConflict(error) ? 'SERVER_BUSY' : 'DATASET_QUERY_FAILED',
      `The scope query at ${query.placeOf(0)} fails for ${macAddress}: ${error.message}.`,
      { cause: error },
    );
  }
}
