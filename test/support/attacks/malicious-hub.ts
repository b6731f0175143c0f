import { createHmac } from 'node:crypto';
import { type Frame, type FrameRange, type Manifest, type SyncRequest } from '@rivulet/protocol';
import { FakeHub, numberedTexts, type FakeDataset } from '@rivulet/testing';
import type { UnverifiedSyncResponse } from '@rivulet/protocol';
import type { Hub } from '../../../apps/edge/src/hub/hub';

export const OTHER_MAC = '48:b0:2d:00:00:01';
export const OTHER_MANIFEST = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

/** What the device has applied, and what it would get from an honest central. */
export const appliedRows: FakeDataset[] = [
  numberedTexts('names', ['Ada', 'Grace']),
  numberedTexts('areas', ['Lobby']),
];
export const newRows: FakeDataset[] = [
  numberedTexts('names', ['Ada', 'Edsger']),
  numberedTexts('areas', ['Roof']),
];

interface Answers {
  request?: (hub: MaliciousHub, asked: SyncRequest) => Promise<UnverifiedSyncResponse>;
  frames?: (hub: MaliciousHub, frames: Frame[]) => Frame[];
}

/** Stands between a device and its central, whose key it does not have, unless an attack says that it has. */
export class MaliciousHub implements Hub {
  constructor(
    readonly honest: FakeHub,
    /** With a key of its own. */
    readonly impostor: FakeHub,
    /** What passed by in the last sync. */
    readonly recorded: { current: UnverifiedSyncResponse; update: UnverifiedSyncResponse },
    private readonly answers: Answers,
  ) {}

  async request(asked: SyncRequest): Promise<UnverifiedSyncResponse> {
    return (this.answers.request ?? ((hub, request) => hub.honest.request(request)))(this, asked);
  }

  async *frames(manifestId: string, ranges: FrameRange[]): AsyncGenerator<Frame[], void> {
    for await (const frames of this.honest.frames(manifestId, ranges)) {
      const sent = this.answers.frames?.(this, frames) ?? frames;
      if (sent.length > 0) yield sent;
    }
  }

  async acknowledge(): Promise<void> {
    return undefined;
  }

  /** The answer of an honest central, with a manifest that was changed and signed again with central's key. */
  async resigned(
    asked: SyncRequest,
    change: (manifest: Manifest) => Manifest,
  ): Promise<UnverifiedSyncResponse> {
    const answer = await this.update(asked);
    return { ...answer, manifest: await this.honest.sign(change(payloadOf(answer.manifest))) };
  }

  async update(
    asked: SyncRequest,
    from = this.honest,
  ): Promise<UnverifiedSyncResponse & { status: 'update' }> {
    const answer = await from.request({ ...asked, tables: [] });
    if (answer.status !== 'update') throw new Error('The hub has no update.');
    return answer;
  }

  async current(
    asked: SyncRequest,
    from = this.honest,
  ): Promise<UnverifiedSyncResponse & { status: 'current' }> {
    return { status: 'current', manifestId: asked.lastManifestId!, statement: await from.signCurrent(asked) };
  }
}

function payloadOf(jws: string): Manifest {
  return JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString()) as Manifest;
}

/** A document with the header of another algorithm, and what that one takes for a signature. */
export function withAlgorithm(jws: string, alg: 'none' | 'HS256'): string {
  const [header, payload] = jws.split('.');
  const fields = JSON.parse(Buffer.from(header!, 'base64url').toString()) as { jwk: { x: string } };
  const signed = `${encode({ ...fields, alg })}.${payload}`;
  if (alg === 'none') return `${signed}.`;
  const secret = Buffer.from(fields.jwk.x, 'base64url');
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** The same signature, over a payload that was changed. */
export function tampered(jws: string, change: (payload: Record<string, unknown>) => object): string {
  const [header, payload, signature] = jws.split('.');
  const fields = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as Record<string, unknown>;
  return `${header}.${encode(change(fields))}.${signature}`;
}

/** A document that shows the header of another. */
export function withHeaderOf(other: string, jws: string): string {
  return [other.split('.')[0], ...jws.split('.').slice(1)].join('.');
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
