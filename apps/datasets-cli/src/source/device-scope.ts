import { resolveScope, type Scope, type ScopeDefinition } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import type { ClientBase, Pool } from 'pg';
import { findSampleDevices } from './sample-devices';

const SUGGESTED_DEVICES = 5;

/** The scope of a device. The error for an unknown device names known ones. */
export async function scopeOf(
  client: ClientBase,
  source: Pool,
  definition: ScopeDefinition,
  macAddress: string,
): Promise<Scope> {
  try {
    return await resolveScope(client, definition, { macAddress });
  } catch (error) {
    if (!(error instanceof RivuletError) || error.code !== 'DEVICE_UNKNOWN') throw error;
    const { scopes } = await findSampleDevices(client, source, definition, SUGGESTED_DEVICES);
    const known = scopes.map((scope) => scope.macAddress).join(', ');
    const place = definition.query.placeOf(0);
    throw new RivuletError('DEVICE_UNKNOWN', `The scope query at ${place} finds no device ${macAddress}.`, {
      nextStep:
        known === ''
          ? 'Compare the address with those in your table: it is in lower case, with colons.'
          : `It finds ${known}.`,
    });
  }
}
