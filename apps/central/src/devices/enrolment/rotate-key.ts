import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { readNextKeyProof, statementTypes, type NextKeyProof } from '@rivulet/protocol';
import { openStatement, type OpenedStatement } from '@rivulet/signatures';
import { SigningKey } from '../../signing/signing-key';
import { AcceptAssertion, refusalOf, type ProvedDevice } from '../authentication/accept-assertion';
import type { TableTransaction } from '../device-tables';
import { DeviceDirectory } from '../registry/device-directory';
import { StatedKeys } from './stated-keys';

interface KeyRow {
  deviceId: string;
  status: 'active' | 'next' | 'retired';
}

/** Enters the key that is to take the place of a device's own. It does when it is used first; until then the old one is valid. */
@Injectable()
export class RotateKey {
  constructor(
    private readonly assertions: AcceptAssertion,
    private readonly directory: DeviceDirectory,
    private readonly signingKey: SigningKey,
    private readonly keys: StatedKeys,
  ) {}

  /**
   * Answers a repeated rotation to the same key alike: the first answer may have been lost.
   *
   * @param document - a KeyRotation, signed with the key that the device has
   * @returns central's signed word that the next key is the device's
   * @throws RivuletError KEY_ROTATION_INVALID · DEVICE_KEY_RETIRED · what AcceptAssertion throws
   */
  async rotate(document: string): Promise<string> {
    let entered: { device: ProvedDevice; macAddress: string; thumbprint: string; nonce: string } | undefined;
    await this.assertions.acceptRotation(document, async (transaction, device, nextKey) => {
      const { proof, signedBy } = await openProof(nextKey);
      this.refuseOthersProof(proof, device);
      await enter(transaction, device.deviceId, signedBy);
      const macAddress = await macAddressOf(transaction, device.deviceId);
      entered = { device, macAddress, thumbprint: signedBy.thumbprint, nonce: proof.nonce };
    });
    const { device, macAddress, thumbprint, nonce } = entered!;
    this.directory.forget(device.deviceId);
    return this.keys.state({ deviceId: device.deviceId, macAddress, thumbprint, nonce });
  }

  private refuseOthersProof(
    { deviceId, centralId, replaces }: NextKeyProof,
    { deviceId: own, thumbprint }: ProvedDevice,
  ): void {
    if (deviceId === own && centralId === this.signingKey.centralId && replaces === thumbprint) return;
    throw invalid('The next key was signed for another device, another central, or to replace another key.');
  }
}

async function openProof(
  document: string,
): Promise<{ proof: NextKeyProof; signedBy: OpenedStatement['signedBy'] }> {
  try {
    const { json, signedBy } = await openStatement(document, statementTypes.nextKey);
    return { proof: readNextKeyProof(json), signedBy };
  } catch (error) {
    throw refusalOf(error, invalid);
  }
}

async function enter(
  transaction: TableTransaction,
  deviceId: string,
  { thumbprint, publicJwk }: OpenedStatement['signedBy'],
): Promise<void> {
  const [known] = await transaction.rows<KeyRow>(
    'SELECT device_id AS "deviceId", status FROM rivulet.device_keys WHERE thumbprint = $1',
    [thumbprint],
  );
  if (known !== undefined && known.deviceId !== deviceId) throw invalid('The next key is another device’s.');
  if (known?.status === 'retired') {
    throw new RivuletError('DEVICE_KEY_RETIRED', `The key ${thumbprint} of device ${deviceId} is retired.`);
  }
  if (known !== undefined) return;
  await transaction.rows(
    `UPDATE rivulet.device_keys SET status = 'retired', retired_at = now() WHERE device_id = $1 AND status = 'next'`,
    [deviceId],
  );
  await transaction.rows(
    `INSERT INTO rivulet.device_keys (thumbprint, device_id, public_jwk, status) VALUES ($1, $2, $3, 'next')`,
    [thumbprint, deviceId, JSON.stringify(publicJwk)],
  );
  await transaction.rows('UPDATE rivulet.devices SET changed_at = clock_timestamp() WHERE device_id = $1', [
    deviceId,
  ]);
}

async function macAddressOf(transaction: TableTransaction, deviceId: string): Promise<string> {
  const [device] = await transaction.rows<{ macAddress: string }>(
    'SELECT mac_address AS "macAddress" FROM rivulet.devices WHERE device_id = $1',
    [deviceId],
  );
  return device!.macAddress;
}

function invalid(reason: string): RivuletError {
  return new RivuletError('KEY_ROTATION_INVALID', `The key cannot be replaced. ${reason}`);
}
