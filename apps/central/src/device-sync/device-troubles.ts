import { Injectable, Logger } from '@nestjs/common';
import { errorCatalogue, type ErrorCode } from '@rivulet/errors';
import { LRUCache } from 'lru-cache';
import { DeviceSyncMetrics } from './device-sync.metrics';

/** Devices whose trouble is remembered: about 20,000. */
const TROUBLES_MAX_BYTES = 16 * 1024 * 1024;
const TROUBLE_BYTES = 512;

/** A device that has said nothing of it for so long may report to another process, or be switched off. */
const FORGOTTEN_AFTER_MS = 86_400_000;

/** The same trouble of one device is told again after so long. */
const TOLD_AGAIN_AFTER_MS = 3_600_000;

export interface Trouble {
  macAddress: string;
  code: ErrorCode;
  message: string;
  /** The table that the message names. */
  table?: string;
}

interface KnownTrouble extends Trouble {
  since: string;
  times: number;
  /** By the monotonic clock. */
  toldAtMs: number;
}

/** Devices that report that they could not apply what they were given. Each is told once, and again while it goes on. */
@Injectable()
export class DeviceTroubles {
  private readonly logger = new Logger('Devices');
  private readonly known = new LRUCache<string, KnownTrouble>({
    maxSize: TROUBLES_MAX_BYTES,
    sizeCalculation: ({ message }) => TROUBLE_BYTES + 2 * message.length,
    ttl: FORGOTTEN_AFTER_MS,
    ttlAutopurge: false,
  });

  constructor(private readonly metrics: DeviceSyncMetrics) {}

  /** @param deviceId as the scope query knows it */
  failed(deviceId: string, trouble: Trouble): void {
    const now = performance.now();
    const known = this.known.get(deviceId);
    const isSame = known !== undefined && known.code === trouble.code && known.table === trouble.table;
    const times = isSame ? known.times + 1 : 1;
    const since = isSame ? known.since : new Date().toISOString();
    const isTold = isSame && now - known.toldAtMs < TOLD_AGAIN_AFTER_MS;
    this.known.set(deviceId, { ...trouble, since, times, toldAtMs: isTold ? known.toldAtMs : now });
    this.metrics.failingDevices.set(this.known.size);
    if (isTold) return;
    const { macAddress, code, message, table } = trouble;
    const { nextStep } = errorCatalogue[code];
    this.logger.warn(
      { deviceId, macAddress, code, ...(table !== undefined && { table }), times, nextStep },
      `Device ${deviceId} (${macAddress}) could not apply what it was sent` +
        `${table === undefined ? '' : `, table ${table}`}: ${code}: ${message} Next step: ${nextStep}`,
    );
  }

  /** The device has what it was given. */
  applied(deviceId: string): void {
    const known = this.known.get(deviceId);
    if (known === undefined) return;
    this.known.delete(deviceId);
    this.metrics.failingDevices.set(this.known.size);
    this.logger.log(
      { deviceId, macAddress: known.macAddress, code: known.code, times: known.times },
      `Device ${deviceId} (${known.macAddress}) applies what it is sent again`,
    );
  }

  /** The first few, the latest first. */
  failing(limit: number): {
    count: number;
    devices: ({ deviceId: string } & Pick<KnownTrouble, 'code' | 'since'>)[];
  } {
    const all = [...this.known.entries()];
    const devices = all.slice(0, limit).map(([deviceId, { code, since, table }]) => ({
      deviceId,
      code,
      since,
      ...(table !== undefined && { table }),
    }));
    return { count: all.length, devices };
  }
}

/** The table that a message is about. @param names - of the tables that it can be about */
export function tableNamedIn(message: string, names: string[]): string | undefined {
  const words = new Set(message.split(/[^\p{L}\p{N}_$]+/u));
  return (
    names.find((name) => words.has(name)) ??
    names.find((name) => !/^[\w$]+$/.test(name) && message.includes(name))
  );
}
