import { hash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { DEVICE, SigningCentral, TemporaryDirectory } from '../../../test/configuration-fixture';
import { ConfigurationCache } from './configuration-cache';

let central: SigningCentral;
let directory: TemporaryDirectory;
let trustedKey: string | undefined;

const open = (): Promise<ConfigurationCache> =>
  ConfigurationCache.open(directory.path, () => ({ name: 'default', deviceId: undefined, trustedKey }));
const fileOf = (slot: string): string => join(directory.path, `${slot}.json`);

beforeAll(() => Logger.overrideLogger(false));
beforeEach(async () => {
  central = await SigningCentral.create();
  trustedKey = central.thumbprint;
  directory = new TemporaryDirectory();
});
afterEach(() => directory.remove());

async function withTwoVersions(): Promise<ConfigurationCache> {
  const cache = await open();
  await cache.markGood(await cache.accept(await central.sign(1, 10), '"1"'));
  await cache.accept(await central.sign(2, 11), '"2"');
  return cache;
}

it('what was accepted and what was good are there after a start', async () => {
  await withTwoVersions();
  const cache = await open();
  expect([cache.accepted?.statement.version, cache.accepted?.etag]).toEqual([2, '"2"']);
  expect(cache.good?.statement.version).toBe(1);
});

it('a file that is torn at any byte is not used, and the last good one is', async () => {
  await withTwoVersions();
  const whole = readFileSync(fileOf('accepted'));
  for (const length of [0, 1, 20, Math.floor(whole.length / 2), whole.length - 1]) {
    writeFileSync(fileOf('accepted'), whole);
    truncateSync(fileOf('accepted'), length);
    const cache = await open();
    expect([cache.accepted, cache.good?.statement.version]).toMatchObject([undefined, 1]);
  }
});

it('a file that was changed by hand is not used', async () => {
  await withTwoVersions();
  const { document, etag } = JSON.parse(readFileSync(fileOf('accepted'), 'utf8')) as Record<string, string>;
  const [header, payload, signature] = document!.split('.');
  const changed = Buffer.from(payload!, 'base64url').toString().replace('"version":2', '"version":3');
  const forged = [header, Buffer.from(changed).toString('base64url'), signature].join('.');
  const sum = hash('sha256', JSON.stringify({ document: forged, etag }));
  writeFileSync(fileOf('accepted'), JSON.stringify({ document: forged, etag, sum }));
  expect((await open()).accepted).toBeUndefined();
});

it('a file of which any one bit is another is not used', async () => {
  await withTwoVersions();
  const whole = readFileSync(fileOf('accepted'));
  for (let at = 0; at < whole.length; at += 7) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1 << (at % 8);
    writeFileSync(fileOf('accepted'), changed);
    const cache = await open();
    expect([at, cache.accepted, cache.good?.statement.version]).toMatchObject([at, undefined, 1]);
  }
  writeFileSync(fileOf('accepted'), 'null');
  expect((await open()).accepted).toBeUndefined();
});

it.each([
  [
    'that another key has signed',
    'CENTRAL_KEY_UNKNOWN',
    async () => (await SigningCentral.create()).sign(3, 12),
  ],
  [
    'for another device',
    'ANSWER_FOREIGN',
    () => central.sign(3, 12, { deviceId: DEVICE.replace('2R', '2S') }),
  ],
  ['of another name', 'ANSWER_FOREIGN', () => central.sign(3, 12, { name: 'other' })],
  ['with a wrong digest', 'CENTRAL_RESPONSE_INVALID', () => central.sign(3, 12, { sha256: '0'.repeat(64) })],
  ['of a lower number', 'CONFIGURATION_STALE', () => central.sign(3, 9)],
  ['of a lower epoch', 'CONFIGURATION_STALE', () => central.sign(3, 12, { epoch: 0 })],
  ['that is no statement', 'ANSWER_SIGNATURE_INVALID', async () => 'a.b.c'],
])('a configuration %s is refused with %s', async (_, code, document) => {
  const cache = await withTwoVersions();
  await expect(cache.accept(await document(), '"3"')).rejects.toMatchObject({ code });
  expect(cache.accepted?.statement.version).toBe(2);
  expect((await open()).accepted?.statement.version).toBe(2);
});

it('the first central that answers is believed from then on, where nothing says which', async () => {
  trustedKey = undefined;
  await withTwoVersions();
  const cache = await open();
  const stranger = await SigningCentral.create();
  await expect(cache.accept(await stranger.sign(3, 12), '"3"')).rejects.toMatchObject({
    code: 'CENTRAL_KEY_UNKNOWN',
  });
  expect((await cache.accept(await central.sign(3, 12), '"3"')).statement.version).toBe(3);
});

it('a higher epoch counts from any number', async () => {
  const cache = await withTwoVersions();
  await cache.accept(await central.sign(1, 1, { epoch: 2 }), '"1"');
  expect(cache.accepted?.statement).toMatchObject({ epoch: 2, sequence: 1 });
});
