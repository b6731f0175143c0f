import { Injectable, Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import {
  readAssertion,
  readKeyRotation,
  ShapeError,
  statementTypes,
  type Assertion,
} from '@rivulet/protocol';
import { openStatement, StatementError } from '@rivulet/signatures';
import { SigningKey } from '../../signing/signing-key';
import type { DeviceStatus } from '../device';
import { DeviceTables, type TableTransaction } from '../device-tables';
import { DevicesMetrics } from '../devices.metrics';
import { DeviceDirectory } from '../registry/device-directory';
import { refuseUnserved } from './refuse-unserved';

/** How far the time in an assertion may be from central's. The device has learnt that from central. */
const TIME_TOLERANCE_SECONDS = 60;
const LIFE_MAX_SECONDS = 300;
/** Assertions of one device that may overtake each other: two processes on it may share a key. */
const COUNTERS_KEPT = 64;

const ASSERTION_MAX_CHARACTERS = 4_000;

/** Who a device has proved to be. */
export interface ProvedDevice {
  deviceId: string;
  thumbprint: string;
}

type KeyRow = ProvedDevice & {
  keyStatus: 'active' | 'next' | 'retired';
  status: DeviceStatus;
  lastCounter: string;
};

/** Takes what devices sign to show that they have their key, each once. */
@Injectable()
export class AcceptAssertion {
  private readonly logger = new Logger('Devices');

  constructor(
    private readonly tables: DeviceTables,
    private readonly directory: DeviceDirectory,
    private readonly signingKey: SigningKey,
    private readonly metrics: DevicesMetrics,
  ) {}

  /**
   * @throws RivuletError ASSERTION_INVALID · SIGNATURE_ALGORITHM_REFUSED · ASSERTION_OUT_OF_TIME · ASSERTION_REPLAYED ·
   *   DEVICE_KEY_UNKNOWN · DEVICE_KEY_RETIRED, and what refuseUnserved throws
   */
  async accept(document: string): Promise<ProvedDevice> {
    const { said, thumbprint } = await open(document, statementTypes.assertion, readAssertion);
    return this.take(said, thumbprint);
  }

  /**
   * The same with a key that is to take the place of the device's own.
   *
   * @param enter - in the transaction in which the assertion is used up
   * @throws RivuletError as accept() does, and what `enter` throws
   */
  async acceptRotation(
    document: string,
    enter: (transaction: TableTransaction, device: ProvedDevice, nextKey: string) => Promise<void>,
  ): Promise<void> {
    const { said, thumbprint } = await open(document, statementTypes.keyRotation, readKeyRotation);
    await this.take(said, thumbprint, (transaction, device) => enter(transaction, device, said.nextKey));
  }

  private async take(
    assertion: Assertion,
    thumbprint: string,
    then?: (transaction: TableTransaction, device: ProvedDevice) => Promise<void>,
  ): Promise<ProvedDevice> {
    if (assertion.aud !== this.signingKey.centralId) throw invalid('It is for another central.');
    const { key, activated, refusal } = await this.tables.transaction(async (transaction) => {
      const taken = await take(transaction, assertion, thumbprint);
      if (taken.refusal === undefined) await then?.(transaction, taken.key);
      return taken;
    });
    this.directory.forget(key.deviceId);
    if (refusal !== undefined) throw refusal;
    if (activated) this.tellOfNewKey(key);
    return key;
  }

  private tellOfNewKey({ deviceId, thumbprint }: ProvedDevice): void {
    this.metrics.keyRotations.inc();
    this.logger.log({ deviceId, thumbprint }, `Device ${deviceId} uses its new key; the old one is retired`);
  }
}

async function open<T>(
  document: string,
  type: string,
  readFields: (json: string) => T,
): Promise<{ said: T; thumbprint: string }> {
  if (document.length > ASSERTION_MAX_CHARACTERS) throw invalid('It is too long.');
  try {
    const { json, signedBy } = await openStatement(document, type);
    return { said: readFields(json), thumbprint: signedBy.thumbprint };
  } catch (error) {
    throw refusalOf(error, invalid);
  }
}

/** @param otherwise - of a document that is malformed, or whose signature does not hold */
export function refusalOf(error: unknown, otherwise: (reason: string) => RivuletError): unknown {
  if (error instanceof ShapeError) return otherwise(`${error.message}.`);
  if (!(error instanceof StatementError)) return error;
  if (error.reason === 'algorithm') return new RivuletError('SIGNATURE_ALGORITHM_REFUSED', error.message);
  return otherwise(error.message);
}

/** These findings must be committed even when they end in a refusal: a quarantine stays. */
async function take(
  transaction: TableTransaction,
  assertion: Assertion,
  thumbprint: string,
): Promise<{ key: ProvedDevice; activated?: boolean; refusal?: RivuletError }> {
  const [key] = await transaction.rows<KeyRow>(lockKey, [thumbprint]);
  if (key === undefined) throw new RivuletError('DEVICE_KEY_UNKNOWN', `No device has the key ${thumbprint}.`);
  if (key.deviceId !== assertion.iss) throw invalid('The key is that of another device.');
  if (key.keyStatus === 'retired') {
    throw new RivuletError(
      'DEVICE_KEY_RETIRED',
      `The key ${thumbprint} of device ${key.deviceId} is retired.`,
    );
  }
  refuseUnserved(key);
  refuseOutOfTime(assertion);
  const use = await useCounter(transaction, key, assertion);
  if (use === 'replayed') {
    const refusal = new RivuletError('ASSERTION_REPLAYED', `The assertion ${assertion.jti} was used before.`);
    return { key, refusal };
  }
  if (use === 'cloned') {
    await transaction.rows(quarantine, [key.deviceId]);
    const message = `Device ${key.deviceId} is in quarantine: its key is used by two devices.`;
    return { key, refusal: new RivuletError('DEVICE_QUARANTINED', message) };
  }
  const activated = key.keyStatus === 'next';
  if (activated) await activateKey(transaction, key);
  return { key, activated };
}

/** The old key was valid until now, in case the device never got to know that the new one was accepted. */
async function activateKey(
  transaction: TableTransaction,
  { deviceId, thumbprint }: ProvedDevice,
): Promise<void> {
  await transaction.rows(
    `UPDATE rivulet.device_keys SET status = 'retired', retired_at = now() WHERE device_id = $1 AND status = 'active'`,
    [deviceId],
  );
  await transaction.rows(`UPDATE rivulet.device_keys SET status = 'active' WHERE thumbprint = $1`, [
    thumbprint,
  ]);
  await transaction.rows('UPDATE rivulet.devices SET changed_at = clock_timestamp() WHERE device_id = $1', [
    deviceId,
  ]);
}

function refuseOutOfTime({ iat, exp }: Assertion): void {
  const now = Math.floor(Date.now() / 1_000);
  const isFresh = Math.abs(now - iat) <= TIME_TOLERANCE_SECONDS && exp > now - TIME_TOLERANCE_SECONDS;
  if (isFresh && exp >= iat && exp - iat <= LIFE_MAX_SECONDS) return;
  throw new RivuletError(
    'ASSERTION_OUT_OF_TIME',
    `The assertion is dated ${new Date(Math.min(iat, 8.64e12) * 1_000).toISOString()}; here it is ${new Date().toISOString()}.`,
  );
}

/** Each device counts its assertions. Whoever copies its key counts on from the same number. */
async function useCounter(
  transaction: TableTransaction,
  { thumbprint, lastCounter }: KeyRow,
  { counter, jti }: Assertion,
): Promise<'fresh' | 'replayed' | 'cloned'> {
  const [used] = await transaction.rows<{ jti: string }>(
    'SELECT jti FROM rivulet.device_assertions WHERE thumbprint = $1 AND counter = $2',
    [thumbprint, counter],
  );
  if (used?.jti === jti) return 'replayed';
  if (used !== undefined || counter <= Number(lastCounter) - COUNTERS_KEPT) return 'cloned';
  await transaction.rows(
    'INSERT INTO rivulet.device_assertions (thumbprint, counter, jti) VALUES ($1, $2, $3)',
    [thumbprint, counter, jti],
  );
  await transaction.rows(
    'UPDATE rivulet.device_keys SET last_counter = greatest(last_counter, $2) WHERE thumbprint = $1',
    [thumbprint, counter],
  );
  await transaction.rows('DELETE FROM rivulet.device_assertions WHERE thumbprint = $1 AND counter <= $2', [
    thumbprint,
    counter - COUNTERS_KEPT,
  ]);
  return 'fresh';
}

function invalid(reason: string): RivuletError {
  return new RivuletError('ASSERTION_INVALID', `The assertion is not valid. ${reason}`);
}

/** One assertion of a key at a time. */
const lockKey = `
SELECT key.device_id AS "deviceId", thumbprint, key.status AS "keyStatus", device.status, last_counter AS "lastCounter"
FROM rivulet.device_keys AS key JOIN rivulet.devices AS device USING (device_id)
WHERE thumbprint = $1 FOR UPDATE OF key`;

const quarantine = `
UPDATE rivulet.devices SET status = 'quarantined', status_reason = 'its key was used by two devices',
  changed_at = clock_timestamp()
WHERE device_id = $1 AND status = 'active'`;
