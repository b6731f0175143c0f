import type { ClientBase, QueryConfig } from 'pg';
import type { locateKeys as LocateKeys } from '@rivulet/snapshot';
import type * as ChangedKeys from '../../apps/central/src/source/change-detection/change-log/changed-keys';
import type * as StaleRuns from '../../apps/central/src/snapshots/reading/stale-runs';
import { ChangeDetection } from '../../apps/central/src/source/change-detection/change-detection';
import { keyedFaultsPlayed } from '../support/histories/history-length';
import { keyedFaults, type KeyedFault } from '../support/histories/keyed-faults';
import { KeyedHistory } from '../support/histories/keyed-history';

const mockMade: { fault?: KeyedFault } = {};

jest.mock('../../libs/snapshot/src/locate-keys', () => {
  const actual: { locateKeys: typeof LocateKeys } = jest.requireActual('../../libs/snapshot/src/locate-keys');
  const locateKeys: typeof LocateKeys = async (client, key, bounds, keys) => {
    const { comparesLocally, places } = mockMade.fault ?? {};
    const asked = comparesLocally === true ? localized(client) : client;
    const found = await actual.locateKeys(asked, key, bounds, keys);
    return places?.(found) ?? found;
  };
  return { ...actual, locateKeys };
});

function localized(client: ClientBase): ClientBase {
  const query = (config: QueryConfig): unknown =>
    client.query({ ...config, text: config.text.replaceAll('COLLATE "C"', 'COLLATE "und-x-icu"') });
  return { query } as unknown as ClientBase;
}

jest.mock('../../apps/central/src/source/change-detection/change-log/changed-keys', () => {
  const path = '../../apps/central/src/source/change-detection/change-log/changed-keys';
  const actual: typeof ChangedKeys = jest.requireActual(path);
  const readChangedKeys: typeof ChangedKeys.readChangedKeys = async (...given) => {
    const keys = await actual.readChangedKeys(...given);
    return keys && (mockMade.fault?.keys?.(keys) ?? keys);
  };
  return { ...actual, readChangedKeys };
});

jest.mock('../../apps/central/src/snapshots/reading/stale-runs', () => {
  const actual: typeof StaleRuns = jest.requireActual('../../apps/central/src/snapshots/reading/stale-runs');
  const staleRuns: typeof StaleRuns.staleRuns = (bytes, places) => {
    const runs = actual.staleRuns(bytes, places);
    return mockMade.fault?.runs?.(runs, bytes, places) ?? runs;
  };
  return { ...actual, staleRuns };
});

jest.setTimeout(180_000);

/** Of a mistake that none of these finds nothing would be found. */
const MOST_HISTORIES = 6;

async function isFound(fault: KeyedFault): Promise<boolean> {
  mockMade.fault = fault;
  // A spoilt trigger is another definition, and would be enough for everything to be read.
  if (fault.trustsDefinitions === true || fault.trigger !== undefined) {
    jest.spyOn(ChangeDetection.prototype, 'isDefinedAs').mockResolvedValue(true);
  }
  for (let index = 1; index <= MOST_HISTORIES; index++) {
    const history = await KeyedHistory.start(index * 15_485_863, { steps: 60, tables: 3, fault });
    try {
      if ((await history.play()) !== undefined) return true;
    } finally {
      await history.close();
    }
  }
  return false;
}

afterEach(() => jest.restoreAllMocks());

describe('a history finds that', () => {
  it.each(keyedFaults.slice(0, keyedFaultsPlayed))('$mistake', async (fault) => {
    expect(await isFound(fault)).toBe(true);
  });
});
