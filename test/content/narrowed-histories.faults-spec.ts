import { NarrowedHistory, type HistoryLength } from '../support/histories/narrowed-history';
import { historySeed, narrowedHistories } from '../support/histories/history-length';

jest.setTimeout(60_000 + narrowedHistories * 20_000);

/** Columns by which changes were told apart, of all histories: else nothing was narrowed, and nothing was proved. */
const columns = new Set<string>();
let unread = 0;

async function play(seed: number, length: HistoryLength): Promise<void> {
  const history = await NarrowedHistory.start(seed, length);
  try {
    expect(await history.play()).toBeUndefined();
    unread += history.unread;
    const { datasets, changes } = history.centrals[0]!;
    for (const { queryId } of datasets.catalogue.datasets) {
      for (const tracking of changes.watchOf(queryId).tracking) {
        for (const { name, family } of tracking.columns ?? []) columns.add(`${name} ${family}`);
      }
    }
  } finally {
    await history.close();
  }
}

it(`in ${narrowedHistories} histories of random tables, queries and writers each answer is what the source says`, async () => {
  // Far apart: the first numbers of neighbouring seeds are alike.
  for (let index = 0; index < narrowedHistories; index++) {
    await play(historySeed + index * 15_485_863, { steps: 80, datasets: 32, hasStore: false });
  }
  expect(columns.size).toBeGreaterThan(0);
  expect(unread).toBeGreaterThan(0);
});

it('so it is of answers whose snapshots are stored', async () => {
  await play(historySeed, { steps: 25, datasets: 13, hasStore: true, siteType: 'int' });
  expect(unread).toBeGreaterThan(0);
});
