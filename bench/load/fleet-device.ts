import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DEVICE_MAC_HEADER, type SyncResponse } from '@rivulet/protocol';
import type { HttpAnswer, KeepAliveConnection } from './keep-alive-connection';
import { readManifest, requestBody, type Held } from './simulated-device';

const ATTEMPTS = 200;
/** A payload that is larger is not fetched: what is measured is how central answers, not how fast it sends. */
const FETCHED_BYTES = 64 * 1024;

export interface DeviceSync {
  latencyMs: number;
  refused: number;
  isUpdate: boolean;
}

/** A device that keeps of its rows what it would report of them. */
export class FleetDevice {
  private held: Held | undefined;
  private refused = 0;

  constructor(private readonly macAddress: string) {}

  /** Asks; takes what it is told as applied, and acknowledges it. `startMs`: when it was due. */
  async sync(connection: KeepAliveConnection, startMs: number): Promise<DeviceSync> {
    this.refused = 0;
    const nonce = randomBytes(16).toString('base64url');
    const answer = await this.post(connection, 'request', requestBody(this.held, nonce));
    const response = JSON.parse(answer.body) as SyncResponse;
    const latencyMs = performance.now() - startMs;
    if (response.status === 'update') await this.adopt(connection, response);
    return { latencyMs, refused: this.refused, isUpdate: response.status === 'update' };
  }

  private async adopt(
    connection: KeepAliveConnection,
    { manifest: document, plan }: Extract<SyncResponse, { status: 'update' }>,
  ): Promise<void> {
    const { manifestId, schemaVersion, tables } = readManifest(document);
    if (plan.wireBytes <= FETCHED_BYTES) {
      const message =
        `GET /api/device-sync/manifests/${manifestId}/payload HTTP/1.1\r\nhost: central\r\n` +
        `${DEVICE_MAC_HEADER}: ${this.macAddress}\r\n\r\n`;
      const { bodyBytes } = await this.send(connection, 'payload', message);
      if (bodyBytes !== plan.wireBytes)
        throw new Error(`A payload of ${plan.wireBytes} bytes has ${bodyBytes}.`);
    }
    await this.post(connection, 'acknowledgements', {
      manifestId,
      status: 'applied',
      cycleId: manifestId,
      finishedAt: new Date().toISOString(),
      durationMs: 1,
      tables: tables.map(({ name, rows, checksum }) => ({ name, rows, checksum })),
    });
    const reported = tables.map(({ name, fingerprint, checksum }) => ({ name, fingerprint, checksum }));
    this.held = { manifestId, schemaVersion, tables: reported as Held['tables'] };
  }

  private async post(connection: KeepAliveConnection, path: string, body: object): Promise<HttpAnswer> {
    const text = JSON.stringify(body);
    const message =
      `POST /api/device-sync/${path} HTTP/1.1\r\nhost: central\r\n${DEVICE_MAC_HEADER}: ${this.macAddress}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
    return this.send(connection, path, message);
  }

  /** Retries when central says so, after as long as it says and a random part of that. */
  private async send(connection: KeepAliveConnection, path: string, message: string): Promise<HttpAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await connection.send(message);
      if (answer.status === 200) return answer;
      if (answer.status !== 503 || attempt === ATTEMPTS) throw new Error(`${path}: ${answer.body}`);
      this.refused += 1;
      await delay((answer.retryAfterSeconds ?? 1) * 1_000 * (1 + Math.random()));
    }
  }
}
