import {
  decodeFrame,
  type Acknowledgement,
  type Manifest,
  type SyncPlan,
  type SyncRequest,
} from '@rivulet/protocol';
import { numberedTexts, type FakeDataset } from '@rivulet/testing';
import type { Hub, HubCall } from '../src/hub/hub';

/** A hub for {@link contractDevice}, whose central has {@link contractDataset}. */
export interface HubSubject {
  hub: Hub;
  /** Central's record of an acknowledgement, once for each time that it came. */
  acknowledged(): Promise<Acknowledgement[]>;
  stop(): Promise<void>;
}

export const contractDevice = '48:b0:2d:e9:c3:b7';

/** Enough rows for several chunks. */
export const contractDataset: FakeDataset = numberedTexts(
  'names',
  Array.from({ length: 8_000 }, (_, index) => `name ${index} `.repeat(5)),
);

const call: HubCall = {
  cycleId: '01KAJ9V9RW4C7ZK3DYE7V1NB2S',
  signal: new AbortController().signal,
};
const request: SyncRequest = { protocolVersion: 1, nonce: 'q83vEjRWeJCrze8SNFZ4kA', tables: [] };

interface Update {
  document: string;
  manifest: Manifest;
  plan: SyncPlan;
}

/** The behaviour that the edge relies on, whichever hub it has. Registers the tests. */
export function describeHub(name: string, start: () => Promise<HubSubject>): void {
  describe(`a hub ${name}`, () => {
    let subject: HubSubject;

    beforeEach(async () => {
      subject = await start();
    });
    afterEach(() => subject.stop());

    async function update(): Promise<Update> {
      const answer = await subject.hub.request(request, call);
      if (answer.status !== 'update') throw new Error('It is not an update.');
      const [, payload] = answer.manifest.split('.');
      const manifest = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as Manifest;
      return { document: answer.manifest, manifest, plan: answer.plan as SyncPlan };
    }

    it('answers a device that has nothing with a manifest and a plan', async () => {
      const { document, manifest, plan } = await update();

      expect(document.split('.')).toHaveLength(3);
      expect(manifest).toMatchObject({ macAddress: contractDevice, nonce: request.nonce });
      expect(manifest.tables).toMatchObject([{ name: 'names', rows: 8_000 }]);
      expect(plan.tables).toMatchObject([{ name: 'names', action: 'load' }]);
      expect(plan.wireBytes).toBeGreaterThan(0);
    });

    it('calls a device current that has what its last manifest says', async () => {
      const { manifest } = await update();
      const { manifestId, schemaVersion } = manifest;
      const tables = manifest.tables.map(({ name: table, fingerprint, checksum }) => ({
        name: table,
        fingerprint,
        checksum,
      }));
      const holding = { ...request, lastManifestId: manifestId, schemaVersion, tables };

      const answer = await subject.hub.request(holding, call);

      expect(answer).toEqual({ status: 'current', manifestId, statement: expect.stringMatching(/^ey/) });
    });

    it('gives the frames that are asked for, in their order, each as the plan says', async () => {
      const { manifest, plan } = await update();
      const [table] = plan.tables;
      const chunks = table?.action === 'load' ? table.chunks : [];
      expect(chunks.length).toBeGreaterThan(5);
      const ranges = [
        { first: 1, last: 2 },
        { first: 4, last: 4 },
      ];

      const received: [number, string][] = [];
      for await (const batch of subject.hub.frames(manifest.manifestId, ranges, call)) {
        for (const frame of batch) {
          decodeFrame(frame);
          received.push([frame.header.number, frame.header.digest.toString('hex')]);
        }
      }

      expect(received).toEqual([1, 2, 4].map((number) => [number, chunks[number]]));
    });

    it('takes an acknowledgement, and takes it again', async () => {
      const { manifestId, tables } = (await update()).manifest;
      const report: Acknowledgement = {
        manifestId,
        status: 'applied',
        cycleId: call.cycleId,
        finishedAt: '2026-11-21T08:00:00.000Z',
        durationMs: 5,
        tables: tables.map(({ name: table, rows, checksum }) => ({ name: table, rows, checksum })),
      };

      await subject.hub.acknowledge(report, call);
      await subject.hub.acknowledge(report, call);

      expect(await subject.acknowledged()).toEqual([report, report]);
    });

    it('refuses what belongs to a manifest that is not this device’s', async () => {
      const frames = subject.hub.frames('01KAJ9V9RW4C7ZK3DYE7V1NB2R', [{ first: 0, last: 0 }], call);

      await expect(frames[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        code: 'MANIFEST_UNKNOWN',
      });
    });
  });
}
