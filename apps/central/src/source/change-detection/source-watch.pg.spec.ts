import { DatasetsFixture, fileOf, sites, users } from '../../../test/datasets-fixture';
import type { CentralServices } from '../../../test/central-services';
import { ChangesIndicator } from './changes.indicator';

let fixture: DatasetsFixture;

beforeEach(async () => {
  fixture = await DatasetsFixture.create();
});

afterEach(() => fixture.close());

const failLooks = 'ALTER TABLE rivulet.folds RENAME version TO other';
const letLooks = 'ALTER TABLE rivulet.folds RENAME other TO version';

function polled({ changes, datasets }: CentralServices): (string | undefined)[] {
  return datasets.catalogue.datasets.map(({ queryId }) => changes.watchOf(queryId).polled);
}

describe('the look at definitions', () => {
  it('has everything polled when it has failed for longer than polled rows may be old, until it succeeds', async () => {
    const central = await fixture.start({ pollIntervalMs: 0 });
    expect(polled(central)).toEqual([undefined]);
    await fixture.query(failLooks);
    await central.watch.reconcile();
    expect(polled(central)).toEqual(['central cannot look at the definitions in the source']);
    await central.watch.reconcile();
    expect(polled(central)).toEqual(['central cannot look at the definitions in the source']);
    await fixture.query(letLooks);
    await central.watch.reconcile();
    expect(polled(central)).toEqual([undefined]);
  });

  it('has the datasets watched as before when it has failed just now', async () => {
    const central = await fixture.start({ pollIntervalMs: 3_600_000 });
    await fixture.query(failLooks);
    await central.watch.reconcile();
    expect(polled(central)).toEqual([undefined]);
  });

  it('is made again when it is due, not at each tick', async () => {
    const central = await fixture.start();
    const { lastLook } = central.watch;
    await central.watch.reconcileWhenDue();
    expect(central.watch.lastLook).toBe(lastLook);
    await central.watch.reconcile();
    expect(central.watch.lastLook).not.toBe(lastLook);
  });
});

describe('the health of change detection', () => {
  it('says how soon a changed definition is noticed, and what is polled and why', async () => {
    const clock = '{ name: clock, key: [id], query: "SELECT id FROM sites WHERE now() > \'2020-01-01\'" }';
    fixture.file.write(fileOf(users, sites, clock));
    const central = await fixture.start();
    const health = new ChangesIndicator(central.watch, central.changes);
    expect(await health.check()).toEqual({
      up: true,
      detail: {
        definitionsLookedAt: expect.any(String) as string,
        lookTookMs: expect.any(Number) as number,
        definitionsNoticedWithinSeconds: expect.any(Number) as number,
        polled: { 'dataset clock': 'it calls now()' },
      },
    });
  });

  it('is degraded, with what PostgreSQL says, while they cannot be looked at', async () => {
    const central = await fixture.start();
    const health = new ChangesIndicator(central.watch, central.changes);
    await fixture.query(failLooks);
    await central.watch.reconcile();
    expect(await health.check()).toMatchObject({
      up: false,
      detail: { problem: expect.stringMatching(/^PostgreSQL says: column "version" .*not exist/) as string },
    });
    await fixture.query(letLooks);
    await central.watch.reconcile();
    expect(await health.check()).toMatchObject({ up: true });
  });
});
