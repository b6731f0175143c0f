import { historySeed, keyedHistories } from '../support/histories/history-length';
import { KeyedHistory } from '../support/histories/keyed-history';

jest.setTimeout(60_000 + keyedHistories * 60_000);

it(`in ${keyedHistories} histories of random keys and writers each chunk is what a whole reading gives, and patches lead there`, async () => {
  let read = 0;
  let patches = 0;
  for (let index = 0; index < keyedHistories; index++) {
    const history = await KeyedHistory.start(historySeed + index * 15_485_863, { steps: 14, tables: 2 });
    try {
      expect(await history.play()).toBeUndefined();
      read += await history.readsOf('changed');
      patches += history.patchesFollowed;
    } finally {
      await history.close();
    }
  }
  // Else nothing was proved. One history may have few.
  expect(read).toBeGreaterThan(5 * keyedHistories);
  expect(patches).toBeGreaterThan(2 * keyedHistories);
});
