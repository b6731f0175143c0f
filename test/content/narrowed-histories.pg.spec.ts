import { NarrowedHistory } from '../support/narrowed-history';
import { historySeed, narrowedHistories } from '../support/history-length';

jest.setTimeout(60_000 + narrowedHistories * 20_000);

it(`in ${narrowedHistories} histories of random tables, queries and writers each answer is what the source says`, async () => {
  let unread = 0;
  const columns = new Set<string>();
  // Far apart: the first numbers of neighbouring seeds are alike.
  for (let index = 0; index < narrowedHistories; index++) {
    const history = await NarrowedHistory.start(historySeed + index * 15_485_863);
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
  // Else nothing was narrowed, and nothing was proved.
  expect(columns.size).toBeGreaterThan(0);
  expect(unread).toBeGreaterThan(0);
});
