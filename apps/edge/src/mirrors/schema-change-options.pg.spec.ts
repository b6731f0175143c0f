import { randomBytes } from 'node:crypto';
import { numberedTexts, type FakeDataset } from '@rivulet/testing';
import { setUpSyncCycles } from '../../test/sync-cycle-fixture';
import { rowsOf, syncWatched, WatchingReader } from '../../test/watching-reader';

const edge = setUpSyncCycles();

const ada = '[{"id": 1, "label": "Ada"}]';

function names(change: Partial<FakeDataset> = {}): FakeDataset {
  return { ...numberedTexts('names', ['Ada']), ...change };
}

beforeEach(async () => {
  edge.hub.datasets = [names()];
  await edge.sync();
});

async function indexes(): Promise<string[]> {
  const rows = await edge.select<{ name: string }>(
    `SELECT indexname AS name FROM pg_indexes WHERE tablename = 'names' ORDER BY indexname`,
  );
  return rows.map(({ name }) => name);
}

describe('an index', () => {
  it('that is added is made, and one that is removed is dropped, while readers read on', async () => {
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    edge.hub.datasets = [names({ indexes: [['label'], ['label', 'id']] })];
    expect(await syncWatched(edge, [reader])).toMatchObject({ tables: [{ action: 'unchanged' }] });
    expect(await indexes()).toEqual(['names_label_id_idx', 'names_label_idx', 'names_pkey']);

    edge.hub.datasets = [names({ indexes: [['label', 'id']] })];
    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied', wireBytes: 0 });
    expect(await indexes()).toEqual(['names_label_id_idx', 'names_pkey']);

    expect(await reader.stop()).toEqual([ada]);
    expect(await edge.sync()).toMatchObject({ status: 'current' });
  });

  it('of an application stays, also when it is like one that is removed', async () => {
    await edge.database.pool.query('CREATE INDEX ours ON public.names (label)');
    edge.hub.datasets = [names({ indexes: [['label']] })];
    await edge.sync();
    expect(await indexes()).toEqual(['names_pkey', 'ours']);

    edge.hub.datasets = [names()];
    await edge.sync();
    expect(await indexes()).toEqual(['names_pkey', 'ours']);
  });

  it('cannot be dropped while a reader has the mirror: the cycle comes again', async () => {
    edge.hub.datasets = [names({ indexes: [['label']] })];
    await edge.sync();
    edge.applyLimits.lockTimeoutMs = 150;
    const holder = await edge.database.pool.connect();
    await holder.query('BEGIN; SELECT FROM names');
    edge.hub.datasets = [names()];

    expect(await edge.sync()).toMatchObject({ error: { code: 'MIRROR_BUSY' } });
    await holder.query('COMMIT');
    holder.release();

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await indexes()).toEqual(['names_pkey']);
  });
});

async function mayRead(role: string, schema = 'public'): Promise<boolean> {
  const [row] = await edge.select<{ may: boolean }>(`
    SELECT has_schema_privilege('${role}', '${schema}', 'USAGE')
      AND has_table_privilege('${role}', '${schema}.names', 'SELECT') AS may`);
  return row!.may;
}

describe('a role', () => {
  const role = `Reader ${randomBytes(6).toString('hex')}`;
  const other = `other_${randomBytes(6).toString('hex')}`;

  beforeAll(() => edge.database.pool.query(`CREATE ROLE "${role}"; CREATE ROLE ${other}`));
  afterAll(() =>
    edge.database.pool.query(`DROP OWNED BY "${role}", ${other}; DROP ROLE "${role}", ${other}`),
  );

  beforeEach(() => edge.database.pool.query('GRANT USAGE ON SCHEMA public TO PUBLIC'));

  it('that is added may read the mirror, and may not when it is removed, while others read on', async () => {
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    edge.hub.datasets = [names({ grants: [role, other] })];
    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied', wireBytes: 0 });
    expect([await mayRead(role), await mayRead(other)]).toEqual([true, true]);

    edge.hub.datasets = [names({ grants: [other] })];
    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied', wireBytes: 0 });
    expect([await mayRead(role), await mayRead(other)]).toEqual([false, true]);
    expect(await reader.stop()).toEqual([ada]);
  });

  it('may read a mirror that is rebuilt, in a schema that is made for it', async () => {
    const columns = [{ name: 'id', type: 'bigint' }];
    edge.hub.datasets = [names({ schema: 'plant', columns, rows: [['1']], grants: [role] })];
    expect(await edge.sync()).toMatchObject({ tables: [{ action: 'rebuilt' }] });
    expect(await mayRead(role, 'plant')).toBe(true);

    edge.hub.datasets = [names({ schema: 'plant', grants: [other] })];
    expect(await edge.sync()).toMatchObject({ tables: [{ action: 'rebuilt' }] });
    expect([await mayRead(role, 'plant'), await mayRead(other, 'plant')]).toEqual([false, true]);
  });

  it('keeps what an application has granted it, when the manifest never named it', async () => {
    await edge.database.pool.query(`GRANT SELECT ON names TO ${other}`);
    edge.hub.datasets = [names({ grants: [role] })];
    await edge.sync();
    edge.hub.datasets = [names()];
    await edge.sync();

    expect([await mayRead(role), await mayRead(other)]).toEqual([false, true]);
  });

  it('that is not there holds the sync and is named, until it is', async () => {
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    edge.hub.datasets = [names({ grants: ['no such role', other], rows: [['1', 'Grace']] })];

    const { error } = await edge.sync();

    expect(error).toMatchObject({
      code: 'SCHEMA_UNSUPPORTED',
      message: `This edge's PostgreSQL does not have the role no such role, which must be able to read names.`,
      nextStep: expect.stringContaining('CREATE ROLE "no such role"') as string,
    });
    edge.hub.datasets = [names({ grants: [other], rows: [['1', 'Grace']] })];
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await reader.stop()).toEqual([ada, '[{"id": 1, "label": "Grace"}]']);
  });
});
