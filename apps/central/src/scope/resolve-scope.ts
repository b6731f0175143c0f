import { RivuletError } from '@rivulet/protocol';
import { bindQuery, type Parameters, type ParameterValue } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import {
  SCOPE_ACTIVE_COLUMN,
  SCOPE_DEVICE_COLUMN,
  SCOPE_PARAMETER,
  type ScopeDefinition,
} from '../datasets/dataset-catalogue';

/** What one device may see, as the scope query says. */
export interface Scope {
  /** The device's identity at central, as text. */
  deviceId: string;
  macAddress: string;
  /** The scope's columns, which the dataset queries use as parameters. */
  parameters: Parameters;
}

/**
 * Runs the scope query for a MAC address in its normal form. The caller has pinned the canonical settings, so
 * that values become the same literals everywhere.
 *
 * @throws RivuletError DEVICE_UNKNOWN · DEVICE_INACTIVE · SCOPE_AMBIGUOUS
 */
export async function resolveScope(
  client: ClientBase,
  definition: ScopeDefinition,
  macAddress: string,
): Promise<Scope> {
  const { query, columns } = definition;
  const given = new Map([[SCOPE_PARAMETER, { type: 'text', value: macAddress }]]);
  const { fields, rows } = await client.query<(string | null)[]>({
    text: bindQuery(query.template, given),
    rowMode: 'array',
    types: { getTypeParser: () => (text: string) => text },
  });
  const [row] = rows;
  if (row === undefined) {
    throw new RivuletError('DEVICE_UNKNOWN', `No device with the MAC address ${macAddress} is registered.`);
  }
  if (rows.length > 1) {
    throw new RivuletError(
      'SCOPE_AMBIGUOUS',
      `The scope query at ${query.placeOf(0)} returned ${rows.length} rows for ${macAddress}; it must return one.`,
    );
  }
  const parameters = new Map(
    fields.map(({ name }, index): [string, ParameterValue] => [
      name,
      { type: columns.get(name)!.type, value: row[index] ?? null },
    ]),
  );
  if (parameters.get(SCOPE_ACTIVE_COLUMN)?.value === 'f') {
    throw new RivuletError('DEVICE_INACTIVE', `The device with the MAC address ${macAddress} is not active.`);
  }
  const deviceId = parameters.get(SCOPE_DEVICE_COLUMN)?.value;
  if (deviceId === null || deviceId === undefined) {
    throw new RivuletError(
      'SCOPE_AMBIGUOUS',
      `The scope query at ${query.placeOf(0)} returned no device_id.`,
    );
  }
  return { deviceId, macAddress, parameters };
}
