import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { statementTypes } from '@rivulet/protocol';
import { generatePrivateKey, readSigningPair, signStatement, type SigningPair } from '@rivulet/signatures';
import { MaliciousProxy, type ProxiedAnswer } from '@rivulet/testing';
import { CentralHttp } from '../../apps/edge/src/hub/central-http';
import { KeyAuthentication } from '../../apps/edge/src/hub/key-authentication';
import { unknownKey } from '../../apps/edge/src/hub/central-trust';
import { DeviceIdentity } from '../../apps/edge/src/identity/device-identity';
import { changed, json } from '../support/attacks/attacked-edges';
import { CentralInProcess } from '../support/apps/central-in-process';
import { withAlgorithm } from '../support/attacks/malicious-hub';

const signal = new AbortController().signal;
const MAC = '48:b0:2d:77:02:01';

let central: CentralInProcess;
let proxy: MaliciousProxy;
let impostor: SigningPair;
let directory: string;
let enrolmentToken: string;
let devices = 0;

beforeAll(async () => {
  central = await CentralInProcess.start();
  proxy = await MaliciousProxy.start(central.url);
  impostor = await readSigningPair(generatePrivateKey());
  directory = mkdtempSync(join(tmpdir(), 'rivulet-identity-'));
  const order = { uses: 100, needsApproval: false };
  enrolmentToken = (await central.call<{ token: string }>('POST', '/api/enrolment-tokens', order))[1].token;
});
afterAll(async () => {
  await proxy?.stop();
  await central?.stop();
  rmSync(directory, { recursive: true });
});
afterEach(() => (proxy.attack = undefined));

/** A device that was never enrolled. After a restart it has its identity, and no token. */
async function startDevice(
  name = `device-${devices++}`,
): Promise<{ name: string; signIn: KeyAuthentication }> {
  const identity = await DeviceIdentity.open(join(directory, name));
  const signIn = new KeyAuthentication({
    identity,
    central: new CentralHttp(proxy.url),
    macAddress: MAC.slice(0, -2) + name.split('-')[1]!.padStart(2, '0'),
    enrolmentToken,
    centralKey: undefined,
    trust: {
      current: (root) => root,
      follow: async (trusted, signedBy) => Promise.reject(unknownKey(signedBy, trusted)),
    },
    timeoutMs: 10_000,
    keyMaxAgeMs: 0,
    onEnrolled: () => undefined,
    onRotated: () => undefined,
    onRotationFailed: () => undefined,
  });
  return { name, signIn };
}

type Spoil = (answer: ProxiedAnswer, known: ProxiedAnswer) => ProxiedAnswer | Promise<ProxiedAnswer>;

function withStatement(answer: ProxiedAnswer, make: (statement: string) => string): ProxiedAnswer {
  return changed(answer, (body) => ({ ...body, statement: make(body['statement'] as string) }));
}

/** The same content, signed by a key that is not central's. */
async function forged(answer: ProxiedAnswer, type: string): Promise<ProxiedAnswer> {
  const { statement } = JSON.parse(answer.body.toString()) as { statement: string };
  const content = JSON.parse(Buffer.from(statement.split('.')[1]!, 'base64url').toString()) as object;
  return json({ statement: await signStatement(impostor, type, content) });
}

const { deviceKey, time } = statementTypes;

const attacks: [on: string, attack: string, code: string, Spoil][] = [
  ['enrol', 'repeats the answer of another enrolment', 'ANSWER_REPLAYED', (_, known) => known],
  ['enrol', 'signs in the name of central', 'CENTRAL_KEY_UNKNOWN', (answer) => forged(answer, deviceKey)],
  [
    'enrol',
    'takes the algorithm away',
    'SIGNATURE_ALGORITHM_REFUSED',
    (answer) => withStatement(answer, (statement) => withAlgorithm(statement, 'none')),
  ],
  [
    'enrol',
    'takes the public key for a secret',
    'SIGNATURE_ALGORITHM_REFUSED',
    (answer) => withStatement(answer, (statement) => withAlgorithm(statement, 'HS256')),
  ],
  [
    'enrol',
    'leaves the statement out',
    'CENTRAL_RESPONSE_INVALID',
    () => json({ deviceId: 'x', status: 'active' }),
  ],
  ['time', 'repeats an old time', 'ANSWER_REPLAYED', (_, known) => known],
  ['time', 'makes up a time', 'CENTRAL_KEY_UNKNOWN', (answer) => forged(answer, time)],
  [
    'time',
    'takes the algorithm away',
    'SIGNATURE_ALGORITHM_REFUSED',
    (answer) => withStatement(answer, (statement) => withAlgorithm(statement, 'none')),
  ],
  [
    'time',
    'gives a time without a signature',
    'CENTRAL_RESPONSE_INVALID',
    () => json({ issuedAt: '2099-01-01T00:00:00.000Z' }),
  ],
  [
    'token',
    'gives no token',
    'CENTRAL_RESPONSE_INVALID',
    () => json({ token_type: 'Bearer', expires_in: 600 }),
  ],
  [
    'token',
    'gives a token that is valid for no time',
    'CENTRAL_RESPONSE_INVALID',
    () => json({ access_token: 'x', expires_in: 'ever' }),
  ],
];

describe('a malicious proxy between a device and what central knows of it', () => {
  it.each(attacks)('on %s, when it %s: %s', async (on, _, code, spoil) => {
    const path = new RegExp(`^/api/device-auth/${on}(\\?|$)`);
    const other = await startDevice();
    await other.signIn.headers(signal);
    await (await startDevice(other.name)).signIn.headers(signal);
    const known = proxy.recorded(new RegExp(` /api/device-auth/${on}(\\?|$)`)).answer;
    let device = await startDevice();
    if (on === 'time') {
      await device.signIn.headers(signal);
      device = await startDevice(device.name);
    }
    proxy.attack = async (call, forward) => {
      const answer = await forward();
      return path.test(call.path) ? spoil(answer, known) : answer;
    };
    await expect(device.signIn.headers(signal)).rejects.toMatchObject({ code });
    // What is honest is believed after that; a device whose answer was spoiled is answered again.
    proxy.attack = undefined;
    const restarted = await startDevice(device.name);
    expect(await restarted.signIn.headers(signal)).toMatchObject({
      authorization: expect.stringMatching(/^Bearer /),
    });
  });
});
