import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ServerTls } from '@rivulet/platform';
import { Agent, fetch } from 'undici';
import { WebSocket } from 'ws';
import { CentralConnection } from '../../apps/edge/src/hub/central-connection';
import { CentralHttp } from '../../apps/edge/src/hub/central-http';
import { HubEnv } from '../../apps/edge/src/hub/hub.env';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CertificateFiles, TestAuthority, type IssuedCertificate } from '../support/attacks/certificates';
import { asAdmin, bearer } from '../support/clients/operator';

const MAC = '48:b0:2d:e9:c3:01';
/** For devices; without a configuration it answers 404 to one that is known. */
const DEVICE_PATH = '/api/v1/config';

let files: CertificateFiles;
let servers: TestAuthority;
let clients: TestAuthority;
let strangers: TestAuthority;
let serverCertificate: IssuedCertificate;
let good: IssuedCertificate;
let deviceId: string;
let central: CentralInProcess;
const agents: Agent[] = [];

beforeAll(async () => {
  files = new CertificateFiles();
  servers = await TestAuthority.create('servers');
  clients = await TestAuthority.create('clients');
  strangers = await TestAuthority.create('strangers');
  serverCertificate = await servers.issueForServer();
  central = await CentralInProcess.start({
    CENTRAL_TLS_CERT_FILE: files.write('server.pem', serverCertificate.cert),
    CENTRAL_TLS_KEY_FILE: files.write('server.key', serverCertificate.key),
    CENTRAL_CLIENT_CA: files.write('clients.pem', clients.cert),
    CENTRAL_CLIENT_CRL: files.write('clients.crl', await clients.revocationList()),
    CENTRAL_AGENT_HOST: '127.0.0.1',
  });
  deviceId = (await operator<{ deviceId: string }>('POST', '/api/devices', { name: 'gate', macAddress: MAC }))
    .deviceId;
  good = await clients.issue({ names: [{ type: 'url', value: `urn:rivulet:device:${deviceId}` }] });
});
afterAll(async () => {
  await central.stop();
  files.remove();
});
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.destroy()));
});

/** A caller with its own connections. */
function caller(shown?: IssuedCertificate): Agent {
  const { cert, key } = shown ?? {};
  const agent = new Agent({ connect: { ca: servers.cert, ...(cert !== undefined && { cert, key: key! }) } });
  agents.push(agent);
  return agent;
}

async function call(dispatcher: Agent, path = DEVICE_PATH, headers: Record<string, string> = {}) {
  const response = await fetch(`${central.url}${path}`, { dispatcher, headers });
  const { code } = (await response.json()) as { code?: string };
  return { status: response.status, code, connection: response.headers.get('connection') };
}

async function operator<T>(method: string, path: string, body?: object): Promise<T> {
  const headers = { ...asAdmin, ...(body && { 'content-type': 'application/json' }) };
  const init = {
    method,
    headers,
    dispatcher: caller(),
    body: body === undefined ? null : JSON.stringify(body),
  };
  return (await (await fetch(`${central.url}${path}`, init)).json()) as T;
}

/** @returns the HTTP status of the handshake */
async function open(shown?: IssuedCertificate): Promise<number> {
  const { cert, key } = shown ?? {};
  const url = `${central.url.replace('https', 'wss')}/ws/agent`;
  const socket = new WebSocket(url, { ca: servers.cert, ...(cert !== undefined && { cert, key: key! }) });
  const refused = once(socket, 'unexpected-response').then(
    ([, response]) => (response as { statusCode: number }).statusCode,
  );
  socket.on('error', () => undefined);
  const outcome = await Promise.race([once(socket, 'open').then(() => 101), refused]);
  socket.terminate();
  return outcome;
}

/** What central answers to REGISTER. */
async function answerTo(shown: IssuedCertificate | undefined, data: object): Promise<string> {
  const { cert, key } = shown ?? {};
  const port = central.agentPort;
  const socket = connectTls({ port, host: '127.0.0.1', ca: servers.cert, cert, key });
  const envelope = { agent_name: 'a', status: 'online', timestamp: new Date().toISOString() };
  socket.write(`${JSON.stringify({ type: 'REGISTER', ...envelope, data })}\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  const { type, data: said } = JSON.parse(answer.toString()) as { type: string; data: { code?: string } };
  return said.code ?? type;
}

async function edgeCall(url: string, paths: Partial<HubEnv>): Promise<unknown> {
  const env = Object.assign(new HubEnv(), { centralUrl: url, ...paths });
  const connection = CentralConnection.open(env);
  const asked = { method: 'GET', path: 'v1/config' } as const;
  try {
    return await new CentralHttp(url, undefined, connection).json(asked, 5_000, AbortSignal.timeout(5_000));
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await connection?.close();
  }
}

/** What an edge makes of a central that shows a certificate. */
async function answerOf(certificate: IssuedCertificate, paths: Partial<HubEnv>): Promise<unknown> {
  const server = createServer({ cert: certificate.cert, key: certificate.key }, (_request, response) =>
    response.setHeader('content-type', 'application/json').end('{}'),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const answer = await edgeCall(`https://127.0.0.1:${port}`, paths);
  server.close();
  return answer;
}

const known = { status: 404, code: 'CONFIGURATION_UNKNOWN' };

describe('a device over HTTPS', () => {
  it('is known by the device id, the MAC address or the name in its certificate', async () => {
    const orders = [
      { commonName: deviceId },
      { commonName: MAC },
      { commonName: 'gate' },
      { commonName: 'whatever', names: [{ type: 'dns', value: MAC.replaceAll(':', '-') } as const] },
    ];
    for (const order of orders) expect(await call(caller(await clients.issue(order)))).toMatchObject(known);
    expect(await call(caller(good))).toMatchObject(known);
  });

  it('is refused with a code that says why', async () => {
    const expired = await clients.issue({ commonName: MAC, validForDays: -1 });
    const foreign = await strangers.issue({ commonName: MAC });
    const unknown = await clients.issue({ commonName: 'nobody' });
    const forServers = await clients.issueForServer({ commonName: MAC });
    const twoNames = await clients.issue({
      names: ['48-b0-2d-e9-c3-01', 'gate'].map((value) => ({ type: 'dns', value })),
    });
    for (const [shown, code] of [
      [undefined, 'CLIENT_CERTIFICATE_MISSING'],
      [expired, 'CLIENT_CERTIFICATE_EXPIRED'],
      [foreign, 'CLIENT_CERTIFICATE_UNTRUSTED'],
      [forServers, 'CLIENT_CERTIFICATE_UNTRUSTED'],
      [unknown, 'CLIENT_CERTIFICATE_UNKNOWN'],
      [twoNames, 'CLIENT_CERTIFICATE_UNKNOWN'],
    ] as const)
      expect(await call(caller(shown))).toMatchObject({ status: 401, code });
  });

  it('is refused when an operator has revoked it', async () => {
    const other = { name: 'shed', macAddress: '48:b0:2d:e9:c3:02' };
    const { deviceId: id } = await operator<{ deviceId: string }>('POST', '/api/devices', other);
    const dispatcher = caller(await clients.issue({ commonName: id }));
    expect(await call(dispatcher)).toMatchObject(known);
    await operator('POST', `/api/devices/${id}/revoke`, { reason: 'lost' });
    expect(await call(dispatcher)).toMatchObject({ status: 403, code: 'DEVICE_REVOKED' });
  });

  it('is still known by its token, without a certificate, and not by a header of its own', async () => {
    const { token } = await operator<{ token: string }>('GET', '/agent/admin');
    const registered = await fetch(`${central.url}/agent/register`, {
      method: 'POST',
      headers: bearer(token),
      dispatcher: caller(),
    });
    const own = (await registered.json()) as { token: string };
    expect(await call(caller(), DEVICE_PATH, bearer(own.token))).toMatchObject(known);
    const headers = { 'x-forwarded-client-cert': `Cert="${encodeURIComponent(good.cert)}"` };
    expect(await call(caller(), DEVICE_PATH, headers)).toMatchObject({ code: 'CLIENT_CERTIFICATE_MISSING' });
  });

  it('cannot use plain HTTP, and is told to stay with HTTPS', async () => {
    await expect(fetch(central.url.replace('https', 'http'))).rejects.toThrow('fetch failed');
    const { headers } = await fetch(`${central.url}/health/live`, { dispatcher: caller() });
    expect(headers.get('strict-transport-security')).toBe('max-age=31536000');
  });
});

describe('a connection that stays', () => {
  it('is opened over wss by a certificate alone, and refused without', async () => {
    expect(await open(good)).toBe(101);
    expect(await open()).toBe(401);
  });

  it('is opened over TCP with TLS by a certificate, and by a token', async () => {
    expect(await answerTo(good, {})).toBe('ACK');
    expect(await answerTo(undefined, {})).toBe('DEVICE_UNIDENTIFIED');
    expect(await answerTo(await strangers.issue({ commonName: MAC }), {})).toBe(
      'CLIENT_CERTIFICATE_UNTRUSTED',
    );
    const { token } = await operator<{ token: string }>('POST', `/api/devices/${deviceId}/token`);
    expect(await answerTo(undefined, { token })).toBe('ACK');
  });
});

describe('renewed files', () => {
  it('take effect on new connections, and end those that were judged by the former ones', async () => {
    const revoked = await clients.issue({ commonName: MAC });
    const before = caller(revoked);
    expect(await call(before)).toMatchObject(known);
    const renewed = await servers.issueForServer();
    files.write('server.pem', renewed.cert);
    files.write('server.key', renewed.key);
    files.write('clients.crl', await clients.revocationList([revoked]));
    central.get(ServerTls).reload();

    // The connection that central closes may be used for a moment, and fails then.
    const renew = (): ReturnType<typeof call> => call(before).catch(renew);
    expect(await renew()).toMatchObject({ status: 401, code: 'CLIENT_CERTIFICATE_REVOKED' });
    expect(await call(caller(good))).toMatchObject(known);
  });

  it('stay out of force while they do not fit together', async () => {
    files.write('server.key', (await servers.issueForServer()).key);
    expect(() => central.get(ServerTls).reload()).toThrow(
      expect.objectContaining({ code: 'ENVIRONMENT_INVALID' }),
    );
    expect(await call(caller(good))).toMatchObject(known);
  });
});

describe('an edge', () => {
  it('shows its certificate, and passes on what central says of it', async () => {
    const caFile = files.write('edge-ca.pem', servers.cert);
    const shown = (certificate: IssuedCertificate, name: string) => ({
      caFile,
      certFile: files.write(`${name}.pem`, certificate.cert),
      keyFile: files.write(`${name}.key`, certificate.key),
    });
    expect(await edgeCall(central.url, shown(good, 'good'))).toBe('CONFIGURATION_UNKNOWN');
    expect(await edgeCall(central.url, { caFile })).toBe('CLIENT_CERTIFICATE_MISSING');
    const expired = await clients.issue({ commonName: MAC, validForDays: -1 });
    expect(await edgeCall(central.url, shown(expired, 'expired'))).toBe('CLIENT_CERTIFICATE_EXPIRED');
  });

  it('tells expired, revoked and unknown certificates of central apart', async () => {
    const caFile = files.write('edge-ca.pem', servers.cert);
    const crlFile = files.write('servers.crl', await servers.revocationList([serverCertificate]));
    const fresh = await servers.issueForServer();
    const expired = await servers.issueForServer({ validForDays: -1 });
    const elsewhere = await servers.issueForServer({ names: [{ type: 'dns', value: 'central.example' }] });

    expect(await answerOf(fresh, { caFile, crlFile })).toEqual({});
    expect(await answerOf(serverCertificate, { caFile, crlFile })).toBe('CENTRAL_CERTIFICATE_REVOKED');
    expect(await answerOf(expired, { caFile })).toBe('CENTRAL_CERTIFICATE_EXPIRED');
    expect(await answerOf(elsewhere, { caFile })).toBe('CENTRAL_CERTIFICATE_UNTRUSTED');
    expect(await answerOf(await strangers.issueForServer(), { caFile })).toBe(
      'CENTRAL_CERTIFICATE_UNTRUSTED',
    );
    expect(await answerOf(fresh, {})).toBe('CENTRAL_CERTIFICATE_UNTRUSTED');
  });

  it('does not start with a certificate without its key, or for a central without TLS', () => {
    const certFile = files.write('edge.pem', good.cert);
    for (const env of [{ certFile }, { centralUrl: 'http://central:8080', caFile: certFile }])
      expect(() => CentralConnection.open(Object.assign(new HubEnv(), env))).toThrow(
        expect.objectContaining({ code: 'ENVIRONMENT_INVALID' }),
      );
  });
});
