import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DEVICE_MAC_HEADER, PROTOCOL_VERSION, type Manifest, type SyncResponse } from '@rivulet/protocol';

const ATTEMPTS = 200;

/** The tables that a device reports in a request. */
export type Held = Pick<Manifest, 'schemaVersion' | 'tables'> & { manifestId?: string };

/** Speaks to central as an edge would, and keeps nothing of what it gets. */
export class SimulatedDevice {
  constructor(
    private readonly centralUrl: string,
    private readonly macAddress: string,
  ) {}

  async request(held?: Held): Promise<SyncResponse> {
    const response = await this.send('POST', 'request', requestBody(held, newNonce()));
    return (await response.json()) as SyncResponse;
  }

  /** Has central issue a manifest of what `held` says, or of everything; and reports it as applied. */
  async adopt(held?: Held): Promise<Manifest> {
    const answer = await this.request(held);
    if (answer.status !== 'update') throw new Error('Central issued no manifest.');
    const manifest = readManifest(answer.manifest);
    await this.acknowledge(manifest);
    return manifest;
  }

  /** A whole sync. Returns what it has then, and the bytes of the payload. */
  async sync(held: Held | undefined): Promise<{ held: Held | undefined; bytes: number }> {
    const answer = await this.request(held);
    if (answer.status === 'current') return { held, bytes: 0 };
    const manifest = readManifest(answer.manifest);
    const bytes = await this.payloadBytes(manifest, answer.plan.wireBytes);
    await this.acknowledge(manifest);
    return { held: manifest, bytes };
  }

  /** Asks for everything and downloads it. Returns the bytes of the payload, of which none may miss. */
  async download(): Promise<number> {
    const answer = await this.request();
    if (answer.status !== 'update') throw new Error('Central issued no manifest.');
    return this.payloadBytes(readManifest(answer.manifest), answer.plan.wireBytes);
  }

  private async payloadBytes({ manifestId }: Manifest, promised: number): Promise<number> {
    const response = await this.send('GET', `manifests/${manifestId}/payload`);
    let bytes = 0;
    for await (const piece of response.body!) bytes += piece.byteLength;
    if (bytes !== promised) throw new Error(`A payload of ${promised} bytes ended after ${bytes}.`);
    return bytes;
  }

  private async acknowledge(manifest: Manifest): Promise<void> {
    const response = await this.send('POST', 'acknowledgements', {
      manifestId: manifest.manifestId,
      status: 'applied',
      cycleId: manifest.manifestId,
      finishedAt: new Date().toISOString(),
      durationMs: 1,
      tables: manifest.tables.map(({ name, rows, checksum }) => ({ name, rows, checksum })),
    });
    await response.arrayBuffer();
  }

  /** Comes again when central asks for it. */
  private async send(method: string, path: string, body?: object): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(`${this.centralUrl}/api/device-sync/${path}`, {
        method,
        headers: { [DEVICE_MAC_HEADER]: this.macAddress, 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
      });
      if (response.ok) return response;
      const problem = await response.text();
      if (response.status !== 503 || attempt === ATTEMPTS) throw new Error(`${path}: ${problem}`);
      const retryAfterSeconds = Number(response.headers.get('retry-after') ?? 1);
      await delay(retryAfterSeconds * 1_000 * (1 + Math.random() / 2));
    }
  }
}

export function requestBody(held: Held | undefined, nonce: string): object {
  const { manifestId, schemaVersion, tables = [] } = held ?? {};
  return {
    protocolVersion: PROTOCOL_VERSION,
    nonce,
    ...(manifestId === undefined ? {} : { lastManifestId: manifestId, schemaVersion }),
    tables: tables.map(({ name, fingerprint, checksum }) => ({ name, fingerprint, checksum })),
  };
}

function newNonce(): string {
  return randomBytes(16).toString('base64url');
}

/** The payload of a signed manifest. The signature is not measured here. */
export function readManifest(document: string): Manifest {
  return JSON.parse(Buffer.from(document.split('.')[1]!, 'base64url').toString()) as Manifest;
}
