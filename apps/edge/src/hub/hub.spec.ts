import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RivuletError } from '@rivulet/errors';
import {
  decodeFrame,
  encodeEndFrame,
  encodeFrameHeader,
  FRAMES_CONTENT_TYPE,
  parseFrameRanges,
  type Acknowledgement,
  type SyncPlan,
  type SyncRequest,
} from '@rivulet/protocol';
import { FakeHub, numberedTexts } from '@rivulet/testing';
import type { Hub, HubCall } from './hub';
import { HttpHub } from './http-hub';

const macAddress = '48:b0:2d:e9:c3:b7';
const call: HubCall = { cycleId: '01KAJ9V9RW4C7ZK3DYE7V1NB2S', signal: new AbortController().signal };
const request: SyncRequest = { protocolVersion: 1, nonce: 'q83vEjRWeJCrze8SNFZ4kA', tables: [] };

interface Subject {
  hub: Hub;
  stop(): Promise<void>;
}

/** The real one, and the fake behind HTTP in place of central. */
async function overHttp(central: FakeHub): Promise<Subject> {
  const server = createServer((incoming, response) => {
    serve(central, incoming, response).catch((error: unknown) => {
      const { code, message } = error as RivuletError;
      response.writeHead(404, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ code, detail: message }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const timeouts = { requestTimeoutMs: 10_000, idleTimeoutMs: 10_000 };
  return {
    hub: new HttpHub({ centralUrl: `http://127.0.0.1:${port}`, macAddress, ...timeouts }),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(central: FakeHub, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, manifestId, ranges] = /manifests\/(\w+)\/payload\?frames=(.+)$/.exec(incoming.url!) ?? [];
  if (manifestId !== undefined && ranges !== undefined) {
    for await (const batch of central.frames(manifestId, parseFrameRanges(ranges, 1_000_000))) {
      if (!response.headersSent) response.writeHead(200, { 'content-type': FRAMES_CONTENT_TYPE });
      for (const { header, block } of batch)
        response.write(Buffer.concat([encodeFrameHeader(header), block]));
    }
    response.end(encodeEndFrame(0));
    return;
  }
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  const body: unknown = JSON.parse(Buffer.concat(pieces).toString());
  const isRequest = incoming.url!.endsWith('/request');
  const answer = isRequest
    ? await central.request(body as SyncRequest)
    : await central.acknowledge(body as Acknowledgement);
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
}

const subjects: [string, (central: FakeHub) => Promise<Subject>][] = [
  ['in tests', (central) => Promise.resolve({ hub: central, stop: () => Promise.resolve() })],
  ['over HTTP', overHttp],
];

describe.each(subjects)('a hub %s', (_, start) => {
  let central: FakeHub;
  let subject: Subject;

  beforeEach(async () => {
    central = await FakeHub.create(macAddress);
    central.datasets = [
      numberedTexts(
        'names',
        Array.from({ length: 8_000 }, (_each, index) => `name ${index} `.repeat(5)),
      ),
    ];
    subject = await start(central);
  });
  afterEach(() => subject.stop());

  async function update(): Promise<{ manifest: string; plan: SyncPlan; manifestId: string }> {
    const answer = await subject.hub.request(request, call);
    if (answer.status !== 'update') throw new Error('It is not an update.');
    const [, payload] = answer.manifest.split('.');
    const { manifestId } = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as {
      manifestId: string;
    };
    return { manifest: answer.manifest, plan: answer.plan as SyncPlan, manifestId };
  }

  it('answers a device that has nothing with a manifest and a plan', async () => {
    const { manifest, plan } = await update();

    expect(manifest.split('.')).toHaveLength(3);
    expect(plan.tables).toMatchObject([{ name: 'names', action: 'load' }]);
    expect(plan.wireBytes).toBeGreaterThan(0);
  });

  it('gives the frames that are asked for, in their order, each as the plan says', async () => {
    const { manifestId, plan } = await update();
    const [table] = plan.tables;
    const chunks = table?.action === 'load' ? table.chunks : [];
    expect(chunks.length).toBeGreaterThan(5);
    const ranges = [
      { first: 1, last: 2 },
      { first: 4, last: 4 },
    ];

    const received: [number, string][] = [];
    for await (const batch of subject.hub.frames(manifestId, ranges, call)) {
      for (const frame of batch) {
        decodeFrame(frame);
        received.push([frame.header.number, frame.header.digest.toString('hex')]);
      }
    }

    expect(received).toEqual([1, 2, 4].map((number) => [number, chunks[number]]));
  });

  it('takes an acknowledgement, and takes it again', async () => {
    const { manifestId } = await update();
    const { cycleId } = call;
    const finishedAt = '2026-11-21T08:00:00.000Z';
    const report: Acknowledgement = {
      manifestId,
      status: 'applied',
      cycleId,
      finishedAt,
      durationMs: 5,
      tables: [],
    };

    await subject.hub.acknowledge(report, call);
    await subject.hub.acknowledge(report, call);

    expect(central.acknowledgements).toEqual([report, report]);
  });

  it('refuses what belongs to a manifest that is not this device’s', async () => {
    const frames = subject.hub.frames('01KAJ9V9RW4C7ZK3DYE7V1NB2R', [{ first: 0, last: 0 }], call);

    await expect(frames[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
  });
});
