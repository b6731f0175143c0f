import { numberedTexts, type FakeDataset } from '@rivulet/testing';
import { setUpSyncCycles } from '../../test/sync-cycle-fixture';

const edge = setUpSyncCycles();

const texts = Array.from({ length: 10 }, (_, index) => `name ${index}`);

/** Ten rows at first, of which a sync may delete three. */
function names(rows: string[] = texts, change: Partial<FakeDataset> = {}): FakeDataset {
  return { ...numberedTexts('names', rows), maxDeletedShare: 0.3, ...change };
}

beforeEach(async () => {
  edge.hub.datasets = [names(), numberedTexts('areas', ['Lobby'])];
  await edge.sync();
});

describe('a guarded mirror', () => {
  it.each(['patched', 'merged', 'loaded', 'rebuilt'])(
    'holds a sync that would delete too many rows, until it is confirmed (%s)',
    async (action) => {
      const change = action === 'rebuilt' ? { key: ['id', 'label'] } : {};
      edge.hub.datasets = [names(texts.slice(0, 6), change), numberedTexts('areas', ['Roof'])];
      if (action === 'merged') edge.hub.forgetBases();
      if (action === 'loaded') edge.applyMode = 'truncate';
      const before = await edge.everything('names', 'areas');

      for (let time = 0; time < 2; time++) {
        expect(await edge.sync()).toMatchObject({
          status: 'failed',
          error: {
            code: 'MIRROR_GUARDED',
            message: 'The manifest would delete 4 of the 10 rows of names (40%, where 30% are allowed).',
            nextStep: expect.stringContaining('{"confirmDeletes": true}') as string,
          },
        });
        expect(await edge.everything('names', 'areas')).toEqual(before);
      }

      const confirmed = await edge.sync({ confirmDeletes: true });
      expect(confirmed).toMatchObject({ status: 'applied', wireBytes: 0, tables: [{ action, rows: 6 }, {}] });
    },
  );

  it.each(['auto', 'truncate'] as const)('lets as many go as are allowed (%s)', async (mode) => {
    edge.applyMode = mode;
    edge.hub.datasets[0] = names(texts.slice(3));
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('lets all of them change', async () => {
    edge.hub.datasets[0] = names(texts.map((text) => `${text}!`));
    expect(await edge.sync()).toMatchObject({ status: 'applied', tables: [{ rowsChanged: 10 }, {}] });
  });

  it('counts rows that go, however many come', async () => {
    const dataset = names();
    dataset.rows = texts.map((text, index) => [String(100 + index), text]);
    edge.hub.datasets[0] = dataset;
    expect(await edge.sync()).toMatchObject({ error: { code: 'MIRROR_GUARDED' } });
  });

  it('may be one of several, which are all named', async () => {
    edge.hub.datasets[1] = numberedTexts('areas', ['a', 'b', 'c']);
    await edge.sync();
    edge.hub.datasets = [names([]), { ...numberedTexts('areas', ['a', 'b']), maxDeletedShare: 0.333 }];

    expect((await edge.sync()).error!.message).toBe(
      'The manifest would delete 10 of the 10 rows of names (100%, where 30% are allowed), ' +
        'and 1 of the 3 rows of areas (33.33%, where 33.3% are allowed).',
    );
  });

  it('has no say in its own removal', async () => {
    edge.hub.datasets[0] = names(texts, { onRemove: 'drop' });
    await edge.sync();
    edge.hub.datasets.shift();
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });
});
