import { RivuletError } from '@rivulet/errors';
import type { EdgeSyncState } from './edge-sync-state.entity';

/**
 * Two devices on one database would replace each other's mirrors, each time with a manifest that is in order.
 *
 * @param applied what the database says of the manifest applied last; null when there was none
 * @throws RivuletError DATABASE_OF_OTHER_DEVICE
 */
export function refuseOtherDevice(
  applied: Pick<EdgeSyncState, 'macAddress'> | null,
  macAddress: string,
): void {
  if (applied === null || applied.macAddress === macAddress) return;
  throw new RivuletError(
    'DATABASE_OF_OTHER_DEVICE',
    `The database has the mirrors of the device ${applied.macAddress}, and this device is ${macAddress}.`,
    {
      nextStep:
        'Set EDGE_DATABASE_URL to a database of its own. If this device is the same one with a new MAC address, ' +
        `set EDGE_FORMER_MAC_ADDRESS to ${applied.macAddress} for one start.`,
    },
  );
}
