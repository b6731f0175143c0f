import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import {
  normaliseMacAddress,
  readEnrolmentProof,
  statementTypes,
  type EnrolmentProof,
} from '@rivulet/protocol';
import { openStatement, type OpenedStatement } from '@rivulet/signatures';
import { monotonicFactory } from 'ulid';
import { refusalOf } from '../authentication/accept-assertion';
import type { DeviceStatus } from '../device';
import { DeviceTables, type TableTransaction } from '../device-tables';
import { DeviceDirectory } from '../registry/device-directory';
import { spendToken } from './enrolment-tokens';
import { StatedKeys } from './stated-keys';

export interface Enrolment {
  deviceId: string;
  status: DeviceStatus;
  /** Central's signed word that the key is the device's: DeviceKeyStatement. */
  statement: string;
}

interface KeyOwner {
  deviceId: string;
  macAddress: string;
  status: DeviceStatus;
}

const PROOF_MAX_CHARACTERS = 4_000;

/** Enters an edge with its key. */
@Injectable()
export class EnrolEdge {
  private readonly nextUlid = monotonicFactory();

  constructor(
    private readonly tables: DeviceTables,
    private readonly directory: DeviceDirectory,
    private readonly keys: StatedKeys,
  ) {}

  /**
   * Answers a repeated enrolment with the same key alike, and spends nothing: the first answer may have been lost.
   *
   * @param proof - an EnrolmentProof, signed with the key that is to be the device's
   * @throws RivuletError ENROLMENT_INVALID · SIGNATURE_ALGORITHM_REFUSED · ENROLMENT_TOKEN_INVALID · ENROLMENT_TOKEN_FOREIGN ·
   *   DEVICE_MAC_TAKEN · DEVICE_KEY_UNKNOWN without a token · DEVICE_KEY_RETIRED · MAC_ADDRESS_INVALID
   */
  async enrol(proof: string, token: string | undefined): Promise<Enrolment> {
    const { json, signedBy } = await openProof(proof);
    const wanted = readProof(json);
    const digest = token === undefined ? undefined : hash('sha256', token);
    if (wanted.tokenDigest !== digest) throw invalid('It is for another token.');
    const owner = await this.tables.transaction(async (transaction) => {
      const known = await findKey(transaction, signedBy.thumbprint);
      if (known !== undefined) return known;
      if (digest === undefined) {
        throw new RivuletError('DEVICE_KEY_UNKNOWN', `No device has the key ${signedBy.thumbprint}.`);
      }
      return this.admit(transaction, wanted, signedBy, Buffer.from(digest, 'hex'));
    });
    this.directory.forget(owner.deviceId);
    const { deviceId, macAddress, status } = owner;
    const { thumbprint } = signedBy;
    const statement = await this.keys.state({ deviceId, macAddress, thumbprint, nonce: wanted.nonce });
    return { deviceId, status, statement };
  }

  private async admit(
    transaction: TableTransaction,
    { macAddress, name }: EnrolmentProof,
    { thumbprint, publicJwk }: OpenedStatement['signedBy'],
    digest: Buffer,
  ): Promise<KeyOwner> {
    const token = await spendToken(transaction, digest, 'edge');
    if (token.macAddress !== null && token.macAddress !== macAddress) {
      throw new RivuletError('ENROLMENT_TOKEN_FOREIGN', `The enrolment token is not for ${macAddress}.`);
    }
    const status = token.needsApproval ? 'pending' : 'active';
    const [device] = await transaction.rows<{ deviceId: string }>(enterDevice, [
      this.nextUlid(),
      name ?? `edge ${macAddress}`,
      macAddress,
      status,
      JSON.stringify(token.labels),
      token.macAddress !== null,
    ]);
    if (device === undefined) {
      throw new RivuletError(
        'DEVICE_MAC_TAKEN',
        `A device with the MAC address ${macAddress} has a key or token already.`,
        {
          nextStep:
            'Make an enrolment token for this MAC address, which replaces the key, or delete that device.',
        },
      );
    }
    const { deviceId } = device;
    await transaction.rows(
      `UPDATE rivulet.device_keys SET status = 'retired', retired_at = now() WHERE device_id = $1 AND status <> 'retired'`,
      [deviceId],
    );
    // Whoever has the hardware that was replaced may have its token, too.
    await transaction.rows('DELETE FROM rivulet.device_tokens WHERE device_id = $1', [deviceId]);
    await transaction.rows(
      `INSERT INTO rivulet.device_keys (thumbprint, device_id, public_jwk, status) VALUES ($1, $2, $3, 'active')`,
      [thumbprint, deviceId, JSON.stringify(publicJwk)],
    );
    return { deviceId, macAddress, status };
  }
}

async function openProof(proof: string): Promise<OpenedStatement> {
  if (proof.length > PROOF_MAX_CHARACTERS) throw invalid('It is too long.');
  try {
    return await openStatement(proof, statementTypes.enrolment);
  } catch (error) {
    throw refusalOf(error, invalid);
  }
}

/** The MAC address in its normal form. */
function readProof(json: string): EnrolmentProof {
  try {
    const proof = readEnrolmentProof(json);
    return { ...proof, macAddress: normaliseMacAddress(proof.macAddress) };
  } catch (error) {
    throw refusalOf(error, invalid);
  }
}

async function findKey(transaction: TableTransaction, thumbprint: string): Promise<KeyOwner | undefined> {
  const [found] = await transaction.rows<KeyOwner & { keyStatus: string }>(
    `SELECT device_id AS "deviceId", mac_address AS "macAddress", device.status, key.status AS "keyStatus"
     FROM rivulet.device_keys AS key JOIN rivulet.devices AS device USING (device_id) WHERE thumbprint = $1`,
    [thumbprint],
  );
  if (found?.keyStatus !== 'retired') return found;
  throw new RivuletError(
    'DEVICE_KEY_RETIRED',
    `The key ${thumbprint} of device ${found.deviceId} is retired.`,
  );
}

function invalid(reason: string): RivuletError {
  return new RivuletError('ENROLMENT_INVALID', `The enrolment is not valid. ${reason}`);
}

/**
 * A device that is there already keeps its id and name. It takes the new key when it has neither a key nor a token, as one of
 * a trial, or when an operator has made an enrolment token for this very address; that also ends a quarantine.
 */
const enterDevice = `
INSERT INTO rivulet.devices AS device (device_id, name, mac_address, kind, status, labels)
VALUES ($1, $2, $3, 'edge', $4, $5)
ON CONFLICT (mac_address) DO UPDATE SET
  kind = 'edge', labels = device.labels || excluded.labels, status = excluded.status, status_reason = NULL,
  changed_at = clock_timestamp()
WHERE device.status <> 'revoked' AND ($6::boolean OR NOT EXISTS (
  SELECT FROM rivulet.device_keys AS key WHERE key.device_id = device.device_id AND key.status <> 'retired'
  UNION ALL SELECT FROM rivulet.device_tokens AS token WHERE token.device_id = device.device_id))
RETURNING device_id AS "deviceId"`;
