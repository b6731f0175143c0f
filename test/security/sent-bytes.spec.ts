import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { sendBytes } from '../../apps/edge/src/hub/transfer/send-bytes';
import { TestAuthority, type IssuedCertificate } from '../support/attacks/certificates';

let servers: TestAuthority;
let shown: IssuedCertificate;
let server: Server;

beforeAll(async () => {
  servers = await TestAuthority.create('servers');
  const clients = await TestAuthority.create('clients');
  const { cert, key } = await servers.issueForServer();
  shown = await clients.issue({ names: [{ type: 'url', value: 'urn:rivulet:device:gate' }] });
  server = createServer({ cert, key, ca: clients.cert, requestCert: true }, (request, response) => {
    const { subjectaltname } = (request.socket as TLSSocket).getPeerCertificate();
    void buffer(request).then((body) => response.end(`${subjectaltname} sent ${body.length}`));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function send(tls?: object): Promise<Response> {
  const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const { signal } = new AbortController();
  return sendBytes(url, { method: 'POST', headers: {}, body: Buffer.alloc(100_000), signal }, tls);
}

it('bytes go over TLS with the files of the edge: whom it trusts, and what it shows', async () => {
  const response = await send({ ca: servers.cert, cert: shown.cert, key: shown.key });
  expect(await response.text()).toBe('URI:urn:rivulet:device:gate sent 100000');
});

it('bytes go to nobody whom the edge does not trust, also after others went there', async () => {
  await expect(send()).rejects.toMatchObject({
    message: 'fetch failed',
    cause: { code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/) as string },
  });
});
