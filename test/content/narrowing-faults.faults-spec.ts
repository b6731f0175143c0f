import type { trackQuery, watchQuery } from '@rivulet/datasets';
import { parseQueryTemplate, renderQuery, type Parameters, type QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { narrowingFaultsPlayed } from '../support/histories/history-length';
import { NarrowedHistory } from '../support/histories/narrowed-history';
import { narrowingFaults, type NarrowingFault } from '../support/histories/narrowing-faults';

const mockMade: { fault?: NarrowingFault } = {};

type ReadScans = (
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
) => Promise<{ filter: string }[] | undefined>;

jest.mock('../../libs/datasets/src/watch/watch-query', () => {
  const actual: { watchQuery: typeof watchQuery } = jest.requireActual(
    '../../libs/datasets/src/watch/watch-query',
  );
  const watch: typeof watchQuery = async (...given) => {
    const found = await actual.watchQuery(...given);
    return found.naming === undefined ? found : (mockMade.fault?.watch?.(found) ?? found);
  };
  return { ...actual, watchQuery: watch };
});

jest.mock('../../libs/datasets/src/tracking/generic-plan', () => {
  const actual: { readScans: ReadScans } = jest.requireActual(
    '../../libs/datasets/src/tracking/generic-plan',
  );
  const readScans: ReadScans = async (client, template, parameters) => {
    const { planned, filter } = mockMade.fault ?? {};
    const text = renderQuery(template, (name) => `:${name}`);
    const asked = planned === undefined ? template : parseQueryTemplate(planned(text));
    const scans = await actual.readScans(client, asked, parameters);
    return scans?.map((scan) => ({ ...scan, filter: filter?.(scan.filter) ?? scan.filter }));
  };
  return { ...actual, readScans };
});

jest.mock('../../libs/datasets/src/tracking/track-query', () => {
  const actual: { trackQuery: typeof trackQuery } = jest.requireActual(
    '../../libs/datasets/src/tracking/track-query',
  );
  const track: typeof trackQuery = async (...given) => {
    const tracking = await actual.trackQuery(...given);
    return mockMade.fault?.tracking?.(tracking) ?? tracking;
  };
  return { ...actual, trackQuery: track };
});

jest.setTimeout(180_000);

/** Of a mistake that none of these finds nothing would be found. */
const MOST_HISTORIES = 6;

async function isFound(fault?: NarrowingFault): Promise<boolean> {
  if (fault === undefined) delete mockMade.fault;
  else mockMade.fault = fault;
  for (let index = 1; index <= MOST_HISTORIES; index++) {
    const history = await NarrowedHistory.start(index * 15_485_863, {
      steps: 80,
      datasets: 13,
      hasStore: false,
      siteType: 'int',
      ...(fault && { fault }),
    });
    try {
      if ((await history.play()) !== undefined) return true;
    } finally {
      await history.close();
    }
  }
  return false;
}

async function findNothing(): Promise<void> {
  expect(await isFound()).toBe(false);
}

describe('a history finds that', () => {
  it.each(narrowingFaults.slice(0, narrowingFaultsPlayed))('$mistake', async (fault) => {
    expect(await isFound(fault)).toBe(true);
  });

  const itOfAll = narrowingFaultsPlayed >= narrowingFaults.length ? it : it.skip;
  itOfAll('nothing is wrong where no mistake is made (npm run test:long -- faults)', findNothing);
});
