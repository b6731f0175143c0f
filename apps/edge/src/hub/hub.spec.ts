import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RivuletError } from '@rivulet/errors';
import {
  encodeEndFrame,
  encodeFrameHeader,
  FRAMES_CONTENT_TYPE,
  parseFrameRanges,
  type Acknowledgement,
  type SyncRequest,
} from '@rivulet/protocol';
import { FakeHub } from '@rivulet/testing';
import { contractDataset, contractDevice, describeHub, type HubSubject } from '../../test/hub-contract';
import { MacAuthentication } from './call-authentication';
import { HttpHub } from './http-hub';

async function fakeCentral(): Promise<FakeHub> {
  const central = await FakeHub.create(contractDevice);
  central.datasets = [contractDataset];
  return central;
}

/** The real one, and the fake behind HTTP in place of central. */
async function overHttp(): Promise<HubSubject> {
  const central = await fakeCentral();
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
    hub: new HttpHub({
      centralUrl: `http://127.0.0.1:${port}`,
      authentication: new MacAuthentication(contractDevice),
      ...timeouts,
    }),
    acknowledged: () => Promise.resolve(central.acknowledgements),
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
    : await receive(central, body as Acknowledgement);
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}

async function receive(central: FakeHub, report: Acknowledgement): Promise<object> {
  await central.acknowledge(report);
  return { manifestId: report.manifestId, status: report.status, repeated: false };
}

describeHub('in tests', async () => {
  const central = await fakeCentral();
  return {
    hub: central,
    acknowledged: () => Promise.resolve(central.acknowledgements),
    stop: () => Promise.resolve(),
  };
});

describeHub('over HTTP', overHttp);
