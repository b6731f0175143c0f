import { isDeepStrictEqual } from 'node:util';
import type { ErrorCode } from '@rivulet/errors';
import type { Frame, SyncRequest, UnverifiedSyncResponse } from '@rivulet/protocol';
import { FakeHub } from '@rivulet/testing';
import { macAddress, setUpSyncCycles } from '../../apps/edge/test/sync-cycle-fixture';
import {
  appliedRows,
  MaliciousHub,
  newRows,
  OTHER_MAC,
  OTHER_MANIFEST,
  tampered,
  withAlgorithm,
  withHeaderOf,
} from '../support/attacks/malicious-hub';

type Answer = (hub: MaliciousHub, asked: SyncRequest) => Promise<UnverifiedSyncResponse>;
type Spoil = (hub: MaliciousHub, frames: Frame[]) => Frame[];

const edge = setUpSyncCycles();
let recorded: MaliciousHub['recorded'];
let impostor: FakeHub;

beforeEach(async () => {
  edge.hub.datasets = appliedRows;
  edge.hub.position = { epoch: 3, sequence: 40 };
  const request = edge.hub.request.bind(edge.hub);
  const passed: UnverifiedSyncResponse[] = [];
  jest.spyOn(edge.hub, 'request').mockImplementation(async (asked) => {
    const answer = await request(asked);
    passed.push(answer);
    return answer;
  });
  await edge.sync();
  await edge.sync();
  jest.restoreAllMocks();
  recorded = { update: passed[0]!, current: passed[1]! };
  edge.hub.datasets = newRows;
  impostor = await FakeHub.create(macAddress);
  impostor.datasets = newRows;
  impostor.position = { epoch: 3, sequence: 100 };
});

async function foreignCurrent(hub: MaliciousHub, asked: SyncRequest): Promise<UnverifiedSyncResponse> {
  const statement = await hub.honest.signCurrent(asked, OTHER_MAC);
  return { status: 'current', manifestId: asked.lastManifestId!, statement };
}

const answers: [attack: string, ErrorCode, Answer][] = [
  // Freeze: the device is to believe that nothing has changed.
  ['a freeze by a recorded "current"', 'ANSWER_REPLAYED', async (hub) => hub.recorded.current],
  [
    'a freeze by a "current" without a signature',
    'ANSWER_UNSIGNED',
    async (_, asked) => ({ status: 'current', manifestId: asked.lastManifestId! }),
  ],
  [
    'a "current" signed by a key that nobody knows',
    'CENTRAL_KEY_UNKNOWN',
    (hub, asked) => hub.current(asked, hub.impostor),
  ],
  ['a "current" for another device', 'ANSWER_FOREIGN', foreignCurrent],
  [
    'a "current" whose signed part is about another manifest',
    'ANSWER_MISMATCHED',
    async (hub, asked) =>
      hub
        .current({ ...asked, lastManifestId: OTHER_MANIFEST })
        .then((answer) => ({ ...answer, manifestId: asked.lastManifestId! })),
  ],
  [
    'a "current" about a manifest that the device never had',
    'CENTRAL_RESPONSE_INVALID',
    (hub, asked) => hub.current({ ...asked, lastManifestId: OTHER_MANIFEST }),
  ],
  [
    'a "current" of algorithm none',
    'SIGNATURE_ALGORITHM_REFUSED',
    async (hub, asked) =>
      hub
        .current(asked)
        .then((answer) => ({ ...answer, statement: withAlgorithm(answer.statement!, 'none') })),
  ],
  [
    'a "current" signed with the public key as a secret',
    'SIGNATURE_ALGORITHM_REFUSED',
    async (hub, asked) =>
      hub
        .current(asked)
        .then((answer) => ({ ...answer, statement: withAlgorithm(answer.statement!, 'HS256') })),
  ],
  [
    'a recorded "current" with the nonce changed',
    'ANSWER_SIGNATURE_INVALID',
    async (hub, { nonce }) => {
      const current = hub.recorded.current as { statement: string };
      return {
        ...hub.recorded.current,
        statement: tampered(current.statement, (said) => ({ ...said, nonce })),
      } as UnverifiedSyncResponse;
    },
  ],
  [
    'a manifest in the place of the statement',
    'ANSWER_SIGNATURE_INVALID',
    async (hub, asked) => ({ ...(await hub.current(asked)), statement: (await hub.update(asked)).manifest }),
  ],
  [
    'a "current" that is no document',
    'ANSWER_SIGNATURE_INVALID',
    async (hub, asked) => ({ ...(await hub.current(asked)), statement: 'current' }),
  ],

  // Rollback and fast-forward, by whoever can make central sign.
  [
    'a rollback to a lower sequence',
    'MANIFEST_STALE',
    (hub, asked) => hub.resigned(asked, (manifest) => ({ ...manifest, sequence: 40 })),
  ],
  [
    'a rollback to a lower epoch',
    'MANIFEST_STALE',
    (hub, asked) => hub.resigned(asked, (manifest) => ({ ...manifest, epoch: 2, sequence: 1_000 })),
  ],
  [
    'a fast-forward of the sequence',
    'MANIFEST_TOO_FAR_AHEAD',
    (hub, asked) => hub.resigned(asked, (manifest) => ({ ...manifest, sequence: Number.MAX_SAFE_INTEGER })),
  ],
  [
    'a fast-forward of the epoch',
    'MANIFEST_TOO_FAR_AHEAD',
    (hub, asked) => hub.resigned(asked, (manifest) => ({ ...manifest, epoch: 2 ** 31 - 1 })),
  ],

  // Manifests that are not for this device and this request, or not of this central.
  ['a recorded manifest', 'ANSWER_REPLAYED', async (hub) => hub.recorded.update],
  [
    'the manifest of another device',
    'ANSWER_FOREIGN',
    (hub, asked) => hub.resigned(asked, (manifest) => ({ ...manifest, macAddress: OTHER_MAC })),
  ],
  [
    'the manifest of a central that nobody knows',
    'CENTRAL_KEY_UNKNOWN',
    (hub, asked) => hub.update(asked, hub.impostor),
  ],
  [
    'the manifest of an impostor that shows the trusted key',
    'MANIFEST_SIGNATURE_INVALID',
    async (hub, asked) => {
      const [real, forged] = [await hub.update(asked), await hub.update(asked, hub.impostor)];
      return { ...forged, manifest: withHeaderOf(real.manifest, forged.manifest) };
    },
  ],
  [
    'a recorded manifest with the nonce changed',
    'MANIFEST_SIGNATURE_INVALID',
    async (hub, { nonce }) => {
      const update = hub.recorded.update as { manifest: string };
      return {
        ...hub.recorded.update,
        manifest: tampered(update.manifest, (said) => ({ ...said, nonce })),
      } as UnverifiedSyncResponse;
    },
  ],
  [
    'a manifest with tables of two',
    'MANIFEST_SIGNATURE_INVALID',
    async (hub, asked) => {
      const first = await hub.update(asked);
      const second = hub.recorded.update as { manifest: string };
      const [, ...others] = (
        JSON.parse(Buffer.from(second.manifest.split('.')[1]!, 'base64url').toString()) as {
          tables: unknown[];
        }
      ).tables;
      return {
        ...first,
        manifest: tampered(first.manifest, (said) => ({
          ...said,
          tables: [(said['tables'] as unknown[])[0], ...others],
        })),
      };
    },
  ],
  [
    'a manifest of algorithm none',
    'SIGNATURE_ALGORITHM_REFUSED',
    async (hub, asked) =>
      hub.update(asked).then((answer) => ({ ...answer, manifest: withAlgorithm(answer.manifest, 'none') })),
  ],
  [
    'a manifest signed with the public key as a secret',
    'SIGNATURE_ALGORITHM_REFUSED',
    async (hub, asked) =>
      hub.update(asked).then((answer) => ({ ...answer, manifest: withAlgorithm(answer.manifest, 'HS256') })),
  ],
  [
    'a "current" in the place of the manifest',
    'MANIFEST_SIGNATURE_INVALID',
    async (hub, asked) => ({ ...(await hub.update(asked)), manifest: await hub.honest.signCurrent(asked) }),
  ],
  [
    'a manifest of a protocol that does not exist yet',
    'SCHEMA_UNSUPPORTED',
    (hub, asked) => hub.resigned(asked, (manifest) => ({ ...manifest, protocolVersion: 99 })),
  ],
  [
    'a manifest that writes to our own tables',
    'MANIFEST_INVALID',
    (hub, asked) =>
      hub.resigned(asked, (manifest) => ({
        ...manifest,
        tables: manifest.tables.map((table) => ({ ...table, schema: 'rivulet' })),
      })),
  ],

  // Plans, which are not signed.
  [
    'a plan that keeps what has changed',
    'CENTRAL_RESPONSE_INVALID',
    async (hub, asked) => ({
      ...(await hub.update(asked)),
      plan: { tables: ['names', 'areas'].map((name) => ({ name, action: 'keep' })), wireBytes: 0 },
    }),
  ],
  [
    'the plan of another manifest',
    'CENTRAL_RESPONSE_INVALID',
    async (hub, asked) => ({
      ...(await hub.update(asked)),
      plan: (hub.recorded.update as { plan: unknown }).plan,
    }),
  ],
];

const payloads: [attack: string, ErrorCode, Spoil][] = [
  [
    'a frame with a bit flipped',
    'FRAME_INVALID',
    (_, frames) => frames.map((frame) => ({ ...frame, block: flipped(frame.block) })),
  ],
  [
    'a frame that says it is another',
    'FRAME_INVALID',
    (_, frames) =>
      frames.map((frame) => ({ ...frame, header: { ...frame.header, digest: Buffer.alloc(32) } })),
  ],
  [
    'a frame whose content is larger than it says',
    'FRAME_INVALID',
    (_, frames) => frames.map((frame) => ({ ...frame, header: { ...frame.header, contentBytes: 1 } })),
  ],
];

function flipped(block: Buffer): Buffer {
  const copy = Buffer.from(block);
  copy[copy.length - 1]! ^= 1;
  return copy;
}

/** What a sync with this hub comes to, and whether the mirrors and all that is known of them stayed as they were. */
async function outcomeWith(
  hub: MaliciousHub,
): Promise<{ code: ErrorCode | undefined; isUnchanged: boolean }> {
  const before = await edge.everything('names', 'areas');
  const { error } = await edge.sync({ hub, retry: { retries: 0, minDelayMs: 1, maxDelayMs: 1 } });
  const after = await edge.everything('names', 'areas');
  return { code: error?.code, isUnchanged: isDeepStrictEqual(after, before) };
}

async function honestUpdate(hub: MaliciousHub, asked: SyncRequest): Promise<UnverifiedSyncResponse> {
  return hub.update(asked);
}

describe('a malicious central, or proxy, changes nothing', () => {
  it.each(answers)('with %s: %s', async (_, code, request) => {
    const hub = new MaliciousHub(edge.hub, impostor, recorded, { request });
    expect(await outcomeWith(hub)).toEqual({ code, isUnchanged: true });
  });

  it.each(payloads)('with %s: %s', async (_, code, frames) => {
    const hub = new MaliciousHub(edge.hub, impostor, recorded, { request: honestUpdate, frames });
    expect(await outcomeWith(hub)).toEqual({ code, isUnchanged: true });
  });
});

it('and an honest one is believed after all that', async () => {
  expect(await edge.sync()).toMatchObject({ status: 'applied' });
});
