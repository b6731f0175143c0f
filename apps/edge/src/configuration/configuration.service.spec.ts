import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { DEVICE, FakeWorker, SigningCentral, TemporaryDirectory } from '../../test/configuration-fixture';
import type { ConfigurationCalls, SentConfiguration } from '../hub/configuration-calls';
import { ConfigurationEnv } from './configuration.env';
import type { ConfigurationMetrics } from './configuration.metrics';
import { ConfigurationService } from './configuration.service';
import { ConfigurationCache } from './statement/configuration-cache';

const SETTLE_EVERY_MS = 5_000;
/** What is waited for passes only when somebody wakes it. */
const mockWaits: { onWait: (ms: number) => void } = { onWait: () => undefined };

jest.mock('node:timers/promises', () => ({
  setTimeout: (ms: number, _value: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise((_resolve, reject) => {
      if (signal.aborted) reject(signal.reason as Error);
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      mockWaits.onWait(ms);
    }),
}));

let worker: FakeWorker;
let directory: TemporaryDirectory;
let central: SigningCentral;
let service: ConfigurationService;
let answer: () => Promise<SentConfiguration | undefined>;
let asked: (string | undefined)[];

beforeAll(() => Logger.overrideLogger(false));
beforeEach(async () => {
  worker = await FakeWorker.start();
  directory = new TemporaryDirectory();
  central = await SigningCentral.create();
  asked = [];
  await start();
});
afterEach(async () => {
  await service.onApplicationShutdown();
  await worker.kill();
  directory.remove();
});

async function start(): Promise<void> {
  const cache = await ConfigurationCache.open(directory.path, () => ({
    name: 'default',
    deviceId: DEVICE,
    trustedKey: central.thumbprint,
  }));
  const env = Object.assign(new ConfigurationEnv(), { workerUrls: [worker.url], healthyForMs: 0 });
  const calls = {
    fetch: (_name: string, held: string | undefined) => {
      asked.push(held);
      return answer();
    },
    report: async () => undefined,
  } as unknown as ConfigurationCalls;
  const metrics = { polls: { inc: () => undefined } } as unknown as ConfigurationMetrics;
  service = new ConfigurationService(env, calls, cache, metrics);
}

/** How long it waits until the next question, after what somebody does. */
async function waitAfter(act: () => void): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  mockWaits.onWait = (ms) => {
    if (ms !== SETTLE_EVERY_MS) resolve(ms);
  };
  act();
  return promise;
}

async function publish(version: number, pollIntervalSeconds: number): Promise<void> {
  const document = await central.sign(version, version, { pollIntervalSeconds });
  answer = async () => ({ document, etag: `"${version}"` });
}

const poll = (): Promise<number> => waitAfter(() => service.pollNow());

function expectAbout(ms: number, seconds: number): void {
  expect(ms).toBeLessThanOrEqual(seconds * 1_000);
  expect(ms).toBeGreaterThanOrEqual(seconds * 900);
}

it('asks every 30 seconds, and at the interval of a version from the next question on, also after a start', async () => {
  answer = async () => Promise.reject(new RivuletError('CONFIGURATION_UNKNOWN', 'none yet'));
  expectAbout(await waitAfter(() => service.onApplicationBootstrap()), 30);
  await publish(1, 60);
  expectAbout(await poll(), 60);
  answer = async () => undefined;
  expectAbout(await poll(), 60);
  await publish(2, 40);
  expectAbout(await poll(), 40);
  expect(asked).toEqual([undefined, undefined, '"1"', '"1"']);

  await service.onApplicationShutdown();
  await start();
  answer = async () => undefined;
  expectAbout(await waitAfter(() => service.onApplicationBootstrap()), 40);
  expect(asked.at(-1)).toBe('"2"');
});

it('asks again soon when central does not answer, less often each time, and never less often than usual', async () => {
  answer = async () => Promise.reject(new RivuletError('CENTRAL_UNREACHABLE', 'away'));
  const first = await waitAfter(() => service.onApplicationBootstrap());
  const waits = [first];
  while (waits.length < 7) waits.push(await poll());
  const seconds = [1, 2, 4, 8, 16, 30, 30];
  for (const [at, ms] of waits.entries()) {
    expect(ms).toBeGreaterThanOrEqual(Math.min(seconds[at]! * 1_000, 27_000));
    expect(ms).toBeLessThanOrEqual(Math.min(seconds[at]! * 2_000, 30_000));
  }
  expect(service.state.pollError).toMatchObject({ code: 'CENTRAL_UNREACHABLE' });
});

it('does not take a version that is not signed for it, and keeps asking with the tag that it has', async () => {
  await publish(1, 60);
  await waitAfter(() => service.onApplicationBootstrap());
  const stranger = await SigningCentral.create();
  const document = await stranger.sign(2, 2);
  answer = async () => ({ document, etag: '"2"' });
  await poll();
  expect(service.state.pollError).toMatchObject({ code: 'CENTRAL_KEY_UNKNOWN' });
  answer = async () => undefined;
  await poll();
  expect(asked.at(-1)).toBe('"1"');
});

it('is told by the channel of its strategy alone', async () => {
  answer = async () => undefined;
  await waitAfter(() => service.onApplicationBootstrap());
  service.hear('REDIS');
  await new Promise(setImmediate);
  expect(asked).toHaveLength(1);
  await waitAfter(() => service.hear('LIVE'));
  expect(asked).toHaveLength(2);
});
