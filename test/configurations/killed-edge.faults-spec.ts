import { Logger } from '@nestjs/common';
import type { writeFileSafely } from '../../apps/edge/src/disk/write-file-safely';
import type * as Held from '../../apps/edge/src/configuration/statement/held-configuration';
import type * as Verify from '../../apps/edge/src/configuration/statement/verify-configuration';
import { WorkerClient } from '../../apps/edge/src/configuration/workers/worker-client';
import { WorkerSet } from '../../apps/edge/src/configuration/workers/worker-set';
import { FailingDisk } from '../support/attacks/failing-disk';
import { configurationKills, historySeed } from '../support/histories/history-length';
import { KilledEdge, payloadOf } from '../support/apps/killed-edge';

type VerifyConfiguration = typeof Verify.verifyConfiguration;

/** A mistake, made on purpose at one place, to see that the histories find it. */
interface Fault {
  mistake: string;
  verify?: (
    actual: VerifyConfiguration,
    ...given: Parameters<VerifyConfiguration>
  ) => ReturnType<VerifyConfiguration>;
  isLater?: typeof Held.isLater;
  disk?: Partial<Pick<FailingDisk, 'writesInPlace' | 'isLazy'>>;
  spy?: () => void;
}

const mockMade: { fault?: Fault; disk?: FailingDisk } = {};

jest.mock('../../apps/edge/src/disk/write-file-safely', () => {
  const actual: { writeFileSafely: typeof writeFileSafely } = jest.requireActual(
    '../../apps/edge/src/disk/write-file-safely',
  );
  const write: typeof writeFileSafely = (path, content) =>
    mockMade.disk!.write(path, content, actual.writeFileSafely);
  return { ...actual, writeFileSafely: write };
});

jest.mock('../../apps/edge/src/configuration/statement/verify-configuration', () => {
  const actual: typeof Verify = jest.requireActual(
    '../../apps/edge/src/configuration/statement/verify-configuration',
  );
  const verifyConfiguration: VerifyConfiguration = (...given) =>
    mockMade.fault?.verify?.(actual.verifyConfiguration, ...given) ?? actual.verifyConfiguration(...given);
  return { ...actual, verifyConfiguration };
});

jest.mock('../../apps/edge/src/configuration/statement/held-configuration', () => {
  const actual: typeof Held = jest.requireActual(
    '../../apps/edge/src/configuration/statement/held-configuration',
  );
  const isLater: typeof Held.isLater = (one, other) =>
    (mockMade.fault?.isLater ?? actual.isLater)(one, other);
  return { ...actual, isLater };
});

const faults: Fault[] = [
  {
    mistake: 'a signature is not verified',
    verify: async (actual, document, expected) =>
      actual(document, expected).catch(() => ({
        statement: JSON.parse(payloadOf(document)) as Held.HeldConfiguration['statement'],
        signedBy: '',
      })),
  },
  {
    mistake: 'whoever has signed it is believed',
    verify: (actual, document, expected) => actual(document, { ...expected, trustedKey: undefined }),
  },
  {
    mistake: 'what is for another device is taken',
    verify: (actual, document, expected) => actual(document, { ...expected, deviceId: undefined }),
  },
  { mistake: 'an older version is taken', isLater: () => false },
  { mistake: 'files are written without a rename', disk: { writesInPlace: true } },
  { mistake: 'files are not flushed', disk: { isLazy: true } },
  {
    mistake: 'a version that a worker refuses counts as applied',
    spy: () => {
      const push = Reflect.get(WorkerClient.prototype, 'push');
      jest.spyOn(WorkerClient.prototype, 'push').mockImplementation(async function (
        this: WorkerClient,
        ...given
      ) {
        await push.apply(this, given).catch(() => undefined);
      });
    },
  },
  {
    mistake: 'a worker that was started again is not given its version',
    spy: () => jest.spyOn(WorkerSet.prototype, 'refresh').mockResolvedValue(0),
  },
];

/** Of a mistake that none of these finds nothing would be found. */
const MOST_HISTORIES = 20;
const STEPS = 30;

beforeAll(() => Logger.overrideLogger(false));
afterEach(() => jest.restoreAllMocks());

async function firstFault(histories: number, fault?: Fault): Promise<string | undefined> {
  mockMade.fault = fault;
  fault?.spy?.();
  for (let index = 0; index < histories; index++) {
    mockMade.disk = Object.assign(new FailingDisk(), fault?.disk);
    const history = await KilledEdge.start(historySeed + index * 15_485_863, mockMade.disk);
    try {
      const found = await history.play(STEPS);
      if (found !== undefined) return found;
    } finally {
      await history.close();
    }
  }
  return undefined;
}

it('an edge that is killed at any point gives its worker nothing torn, unsigned, of others or older, and converges', async () => {
  expect(await firstFault(Math.max(2, configurationKills / 4))).toBeUndefined();
});

it.each(faults)('a history finds that $mistake', async (fault) => {
  expect(await firstFault(MOST_HISTORIES, fault)).toBeDefined();
});
