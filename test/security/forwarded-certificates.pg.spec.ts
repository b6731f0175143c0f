import { CentralInProcess } from '../support/apps/central-in-process';
import { CertificateFiles, TestAuthority, type IssuedCertificate } from '../support/attacks/certificates';

const MAC = '48:b0:2d:e9:c3:01';
const HEADER = 'X-Forwarded-Client-Cert';

let files: CertificateFiles;
let clients: TestAuthority;
let good: IssuedCertificate;
let central: CentralInProcess;

beforeAll(async () => {
  files = new CertificateFiles();
  clients = await TestAuthority.create('clients');
  central = await CentralInProcess.start({
    CENTRAL_CLIENT_CA: files.write('clients.pem', clients.cert),
    CENTRAL_CLIENT_CERT_HEADER: HEADER,
    CENTRAL_TRUSTED_PROXIES: '127.0.0.1',
  });
  await central.call('POST', '/api/devices', { name: 'gate', macAddress: MAC });
  good = await clients.issue({ commonName: MAC });
});
afterAll(async () => {
  await central.stop();
  files.remove();
});

function escaped({ cert }: IssuedCertificate): string {
  return encodeURIComponent(cert);
}

/** As Base64. */
function der({ cert }: IssuedCertificate): string {
  return cert.replaceAll(/-----[^-]+-----|\s/g, '');
}

async function codeFor(value: string | undefined): Promise<unknown> {
  const headers: Record<string, string> = value === undefined ? {} : { [HEADER]: value };
  return (await central.call<{ code: string }>('GET', '/api/v1/config', undefined, headers))[1].code;
}

it('a certificate that the ingress has verified makes the device known, as nginx, Envoy and Traefik write it', async () => {
  const xfcc = `By=spiffe://a;Hash=00;Subject="CN=a, \\"b\\"; c";Cert="${escaped(good)}";URI=`;
  for (const value of [escaped(good), xfcc, encodeURIComponent(der(good))])
    expect(await codeFor(value)).toBe('CONFIGURATION_UNKNOWN');
});

it.each([
  ['none', undefined, 'CLIENT_CERTIFICATE_MISSING'],
  ['no certificate', 'hello', 'CLIENT_CERTIFICATE_UNTRUSTED'],
  ['half an escape', '%2', 'CLIENT_CERTIFICATE_UNTRUSTED'],
  ['a certificate inside another field', 'Subject="x\\";Cert=\\"y"', 'CLIENT_CERTIFICATE_UNTRUSTED'],
])('a header with %s is refused', async (_, value, code) => {
  expect(await codeFor(value)).toBe(code);
});

it('certificates are judged by central as well, and two of them are one too many', async () => {
  const strangers = await TestAuthority.create('clients');
  expect(await codeFor(escaped(await strangers.issue({ commonName: MAC })))).toBe(
    'CLIENT_CERTIFICATE_UNTRUSTED',
  );
  expect(await codeFor(escaped(await clients.issueForServer({ commonName: MAC })))).toBe(
    'CLIENT_CERTIFICATE_UNTRUSTED',
  );
  expect(await codeFor(escaped(await clients.issue({ commonName: MAC, validForDays: -1 })))).toBe(
    'CLIENT_CERTIFICATE_EXPIRED',
  );
  expect(await codeFor(`Cert="${escaped(good)}",Cert="${escaped(good)}"`)).toBe(
    'CLIENT_CERTIFICATE_UNTRUSTED',
  );
});

it('a header that a client has sent, and to which the proxy adds instead of replacing it, is refused', async () => {
  const [stolen, own] = [good, await clients.issue({ commonName: 'the thief' })];
  for (const value of [
    `${escaped(stolen)}, ${escaped(own)}`,
    `${escaped(stolen)}${escaped(own)}`,
    `${der(stolen)}, ${der(own)}`,
    `${der(stolen)}==${der(own)}`,
    `${escaped(stolen)}, ${encodeURIComponent(der(own))}`,
    `Cert="${escaped(stolen)}", ${escaped(own)}`,
    `Cert="${escaped(stolen)}${escaped(own)}"`,
  ])
    expect(await codeFor(value)).toBe('CLIENT_CERTIFICATE_UNTRUSTED');
});

it('a chain is as good as its one certificate of a device', async () => {
  expect(await codeFor(`${escaped(good)}${encodeURIComponent(clients.cert)}`)).toBe('CONFIGURATION_UNKNOWN');
  expect(await codeFor(encodeURIComponent(clients.cert))).toBe('CLIENT_CERTIFICATE_UNTRUSTED');
});

it('the header counts from the named proxies alone, whatever else it says', async () => {
  const headers = { [HEADER]: escaped(good), 'x-forwarded-for': '127.0.0.1' };
  const [status, answer] = await central.callFrom('127.0.0.2', 'GET', '/api/v1/config', undefined, headers);
  expect([status, answer['code']]).toEqual([401, 'CLIENT_CERTIFICATE_UNTRUSTED']);
});

it('central does not start where a list of revoked certificates would be ignored in the header', async () => {
  const { cert, key } = await clients.issueForServer();
  const started = CentralInProcess.join(central, {
    CENTRAL_TLS_CERT_FILE: files.write('server.pem', cert),
    CENTRAL_TLS_KEY_FILE: files.write('server.key', key),
    CENTRAL_CLIENT_CA: files.write('ca.pem', clients.cert),
    CENTRAL_CLIENT_CRL: files.write('clients.crl', await clients.revocationList()),
    CENTRAL_CLIENT_CERT_HEADER: HEADER,
    CENTRAL_TRUSTED_PROXIES: '127.0.0.1',
  });
  await expect(started).rejects.toMatchObject({
    code: 'ENVIRONMENT_INVALID',
    message: expect.stringContaining('not compared with it') as string,
  });
});

it.each([
  [{ CENTRAL_CLIENT_CERT_HEADER: HEADER, CENTRAL_CLIENT_CA: 'ca.pem' }],
  [{ CENTRAL_CLIENT_CERT_HEADER: HEADER, CENTRAL_TRUSTED_PROXIES: '127.0.0.1' }],
  [{ CENTRAL_CLIENT_CA: 'ca.pem' }],
  [{ CENTRAL_TRUSTED_PROXIES: '0.0.0.0/0' }],
  [{ CENTRAL_TRUSTED_PROXIES: 'proxy.example' }],
])('central does not start with %j alone', async (variables) => {
  await expect(CentralInProcess.join(central, variables)).rejects.toMatchObject({
    code: 'ENVIRONMENT_INVALID',
  });
});
