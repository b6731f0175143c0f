import { Injectable } from '@nestjs/common';
import { requestInvalid } from '@rivulet/platform';
import { monotonicFactory } from 'ulid';
import { DeviceTables, type TableTransaction } from '../device-tables';
import { DeviceDirectory } from '../registry/device-directory';
import { readKeyList, type ListedKey } from './read-key-list';

export interface ImportedKeys {
  /** Devices that are new, or got their first key. */
  enrolled: number;
  /** Devices that had this very key already. */
  unchanged: number;
}

/** Enters devices with keys that were made elsewhere: all of a list, or none. */
@Injectable()
export class ImportKeys {
  private readonly nextUlid = monotonicFactory();

  constructor(
    private readonly tables: DeviceTables,
    private readonly directory: DeviceDirectory,
  ) {}

  /** @throws RivuletError REQUEST_INVALID, naming the lines */
  async import(csv: string): Promise<ImportedKeys> {
    const listed = await readKeyList(csv);
    const ids = await this.tables.transaction(async (transaction) => {
      const entered: string[] = [];
      for (const device of listed) {
        const deviceId = await this.enter(transaction, device);
        if (deviceId !== undefined) entered.push(deviceId);
      }
      return entered;
    });
    for (const deviceId of ids) this.directory.forget(deviceId);
    return { enrolled: ids.length, unchanged: listed.length - ids.length };
  }

  /** Undefined where the device has the key already. */
  private async enter(
    transaction: TableTransaction,
    { line, macAddress, key: { thumbprint, publicJwk }, name }: ListedKey,
  ): Promise<string | undefined> {
    const [known] = await transaction.rows<{ deviceId: string; macAddress: string | null; status: string }>(
      `SELECT device_id AS "deviceId", mac_address AS "macAddress", key.status
       FROM rivulet.device_keys AS key JOIN rivulet.devices USING (device_id) WHERE thumbprint = $1`,
      [thumbprint],
    );
    if (known?.macAddress === macAddress && known.status !== 'retired') return undefined;
    if (known !== undefined) throw taken(line, 'has a key that another device has, or had');
    const [device] = await transaction.rows<{ deviceId: string }>(enterDevice, [
      this.nextUlid(),
      name,
      macAddress,
    ]);
    if (device === undefined)
      throw taken(line, 'has the MAC address of a device that has a key, or is not active');
    await transaction.rows(
      `INSERT INTO rivulet.device_keys (thumbprint, device_id, public_jwk, status) VALUES ($1, $2, $3, 'active')`,
      [thumbprint, device.deviceId, JSON.stringify(publicJwk)],
    );
    return device.deviceId;
  }
}

function taken(line: number, reason: string): Error {
  return requestInvalid([{ field: `csv line ${line}`, reason }]);
}

const enterDevice = `
INSERT INTO rivulet.devices AS device (device_id, name, mac_address, kind, status) VALUES ($1, $2, $3, 'edge', 'active')
ON CONFLICT (mac_address) DO UPDATE SET kind = 'edge', changed_at = clock_timestamp()
WHERE device.status = 'active' AND NOT EXISTS (
  SELECT FROM rivulet.device_keys AS key WHERE key.device_id = device.device_id AND key.status <> 'retired')
RETURNING device_id AS "deviceId"`;
