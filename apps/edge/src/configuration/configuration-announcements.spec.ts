import { Logger } from '@nestjs/common';
import type { Bus } from '@rivulet/bus';
import { ConfigurationAnnouncements } from './configuration-announcements';
import { ConfigurationEnv } from './configuration.env';
import type { ConfigurationService } from './configuration.service';

const mockBus: { bus?: Bus } = {};
/** Ends what is waited for. */
const mockClock = { tick: (): void => undefined };

jest.mock('@rivulet/bus', () => ({ openBus: () => mockBus.bus }));
jest.mock('node:timers/promises', () => ({
  setTimeout: (_ms: number, _value: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve());
      mockClock.tick = resolve;
    }),
}));

let polls: number;
let mark: () => Promise<string | null>;
let subscribed: { topic: string; hear: () => void; options: { onGap(): void; queueGroup?: string } };
let announcements: ConfigurationAnnouncements;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  polls = 0;
  mark = async () => '1.1';
  mockBus.bus = {
    subscribe: async (topic: string, hear: () => void, options: typeof subscribed.options) => {
      subscribed = { topic, hear, options };
    },
    values: { read: () => mark() },
    close: async () => undefined,
  } as unknown as Bus;
});
afterEach(() => announcements.onApplicationShutdown());

async function start(settings: Partial<ConfigurationEnv>): Promise<void> {
  const env = Object.assign(new ConfigurationEnv(), {
    busUrl: 'redis://localhost',
    strategy: 'REDIS',
    ...settings,
  });
  const service = { isActive: true, pollNow: () => polls++ } as unknown as ConfigurationService;
  announcements = new ConfigurationAnnouncements(env, service);
  await announcements.onApplicationBootstrap();
  await new Promise(setImmediate);
}

async function look(read: typeof mark): Promise<number> {
  mark = read;
  mockClock.tick();
  await new Promise(setImmediate);
  return polls;
}

it('asks central when the version key is another one, and not while it is the same, gone, or cannot be read', async () => {
  await start({});
  const counts = [
    await look(async () => '1.1'),
    await look(async () => '1.2'),
    await look(async () => null),
    await look(async () => Promise.reject(new Error('Redis is away'))),
    await look(async () => '1.2'),
    await look(async () => '2.2'),
  ];
  expect(counts).toEqual([0, 1, 1, 1, 1, 2]);
});

it('asks when it is told, and when it may have missed that', async () => {
  await start({ name: 'cameras' });
  expect(subscribed).toMatchObject({ topic: 'configurations.cameras' });
  expect(subscribed.options).not.toHaveProperty('queueGroup');
  subscribed.hear();
  subscribed.options.onGap();
  expect(polls).toBe(2);
});

it('is one of its queue group', async () => {
  await start({ strategy: 'NATS', busUrl: 'nats://localhost', busQueueGroup: 'site-1' });
  expect(subscribed.options).toMatchObject({ queueGroup: 'site-1' });
});

it.each([
  ['REDIS', undefined],
  ['REDIS', 'nats://localhost'],
  ['NATS', 'redis://localhost'],
] as const)('does not start with %s and the bus %s', (strategy, busUrl) => {
  const env = Object.assign(new ConfigurationEnv(), { strategy, busUrl });
  expect(() => new ConfigurationAnnouncements(env, {} as ConfigurationService)).toThrow(
    expect.objectContaining({ code: 'ENVIRONMENT_INVALID' }),
  );
});
