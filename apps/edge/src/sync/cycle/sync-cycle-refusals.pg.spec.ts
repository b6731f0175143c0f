import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { SyncResponse } from '@rivulet/protocol';
import { FakeHub, numberedTexts, type FakeDataset } from '@rivulet/testing';
import { macAddress, setUpSyncCycles } from '../../../test/sync-cycle-fixture';
import type { SyncResult } from '../../state/sync-result';

const edge = setUpSyncCycles();

beforeEach(async () => {
  edge.hub.datasets = [numberedTexts('names', ['Ada', 'Grace']), numberedTexts('areas', ['Lobby'])];
  await edge.sync();
  edge.hub.datasets = [numberedTexts('names', ['Ada', 'Grace', 'Edsger']), numberedTexts('areas', ['Roof'])];
});

describe('a manifest that is not later than the applied one', () => {
  it.each([
    ['a lower sequence', { epoch: 3, sequence: 6 }],
    ['the same position', { epoch: 3, sequence: 7 }],
    ['a lower epoch', { epoch: 2, sequence: 1_000 }],
  ])('by %s is stale, and changes nothing', async (_, { epoch, sequence }) => {
    edge.hub.position = { epoch: 3, sequence: 6 };
    await edge.sync();
    const before = await edge.everything('names', 'areas');
    edge.hub.datasets = [numberedTexts('names', []), numberedTexts('areas', [])];
    edge.hub.position = { epoch, sequence: sequence - 1 };

    const result = await edge.sync();

    expect(result).toMatchObject({ status: 'failed', epoch, sequence, error: { code: 'MANIFEST_STALE' } });
    expect(await edge.everything('names', 'areas')).toEqual(before);
    expect(edge.hub.acknowledgements.at(-1)).toMatchObject({
      manifestId: result.manifestId,
      status: 'failed',
      tables: [],
      error: { code: 'MANIFEST_STALE' },
    });
  });

  it('is later by its epoch alone when central was restored', async () => {
    edge.hub.position = { epoch: 2, sequence: 0 };

    expect(await edge.sync()).toMatchObject({ status: 'applied', epoch: 2, sequence: 1 });
  });

  it('is refused by its nonce when an old answer is sent again', async () => {
    const request = edge.hub.request.bind(edge.hub);
    let recorded: SyncResponse | undefined;
    jest.spyOn(edge.hub, 'request').mockImplementation(async (asked) => (recorded ??= await request(asked)));
    await edge.sync();
    const before = await edge.everything('names', 'areas');

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'ANSWER_REPLAYED' } });
    expect(await edge.everything('names', 'areas')).toEqual(before);
  });
});

/** Central is told once, the log has the reason, and nothing else is different. */
async function expectRefusal(code: ErrorCode): Promise<SyncResult> {
  const before = await edge.everything('names', 'areas');
  const told = edge.hub.acknowledgements.length;

  const result = await edge.sync();

  expect(result).toMatchObject({ status: 'failed', acknowledged: true, tables: [], error: { code } });
  expect(await edge.everything('names', 'areas')).toEqual(before);
  expect((await edge.state.history(1))[0]).toMatchObject({
    status: 'failed',
    acknowledged: true,
    error: { code },
  });
  expect(edge.hub.acknowledgements.slice(told)).toMatchObject([
    { manifestId: result.manifestId, cycleId: result.cycleId, status: 'failed', error: { code } },
  ]);
  return result;
}

describe('a manifest that cannot be applied', () => {
  it.each(['auto', 'truncate'] as const)(
    'because the rows read back differ, is rolled back whole (%s)',
    async (mode) => {
      edge.applyMode = mode;
      await edge.database.pool.query(`
      CREATE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.label := upper(NEW.label); RETURN NEW; END $$;
      CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON areas FOR EACH ROW EXECUTE FUNCTION public.meddle()`);
      const { error } = await expectRefusal('CHECKSUM_MISMATCH');
      expect(error!.message).toContain('areas');

      await edge.database.pool.query('DROP TRIGGER meddle ON areas');
      expect(await edge.sync()).toMatchObject({ status: 'applied', wireBytes: 0 });
      expect(await edge.select('SELECT * FROM areas')).toEqual([{ id: '1', label: 'Roof' }]);
    },
  );

  it('because a trigger drops rows, is rolled back whole', async () => {
    edge.applyMode = 'truncate';
    await edge.database.pool.query(`
      CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER swallow BEFORE INSERT ON areas FOR EACH ROW EXECUTE FUNCTION public.swallow()`);

    const { error } = await expectRefusal('CHECKSUM_MISMATCH');
    expect(error!.message).toContain('0 rows');
  });

  it('because this PostgreSQL lacks a type, leaves the data and names what it needs', async () => {
    const [, areas] = edge.hub.datasets as [FakeDataset, FakeDataset];
    const columns = areas.columns.map((column) => ({
      ...column,
      type: column.name === 'label' ? 'hologram' : 'bigint',
    }));
    edge.hub.datasets[1] = { ...areas, columns };

    const { error } = await expectRefusal('SCHEMA_UNSUPPORTED');
    expect(error!.message).toMatch(/areas.*label.*hologram/);
  });

  it('because the name belongs to a table of an application, leaves that table alone', async () => {
    await edge.database.pool.query('CREATE TABLE public.notes AS SELECT 1 AS id');
    edge.hub.datasets.push(numberedTexts('notes', ['x']));

    await expectRefusal('MIRROR_TABLE_CONFLICT');
    expect((await edge.database.pool.query('SELECT * FROM notes')).rows).toEqual([{ id: 1 }]);
  });

  it('because a trigger refuses, has its reason', async () => {
    await edge.database.pool.query(`
      CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no names after five'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON names FOR EACH ROW EXECUTE FUNCTION public.refuse()`);

    const { error } = await expectRefusal('MIRROR_REJECTS_ROWS');
    expect(error!.message).toContain('no names after five');
  });
});

describe('an answer that is not one', () => {
  it.each([
    ['has a plan for other tables', { plan: { tables: [], wireBytes: 0 } }],
    [
      'has a plan that keeps what has changed',
      { plan: { tables: ['names', 'areas'].map((name) => ({ name, action: 'keep' })), wireBytes: 0 } },
    ],
    [
      'has a plan of other chunks',
      {
        plan: {
          tables: ['names', 'areas'].map((name) => ({ name, action: 'load', chunks: [] })),
          wireBytes: 0,
        },
      },
    ],
  ])('because it %s, changes nothing', async (_, difference) => {
    const request = edge.hub.request.bind(edge.hub);
    jest.spyOn(edge.hub, 'request').mockImplementation(async (asked) => {
      return { ...(await request(asked)), ...difference } as SyncResponse;
    });
    const before = await edge.everything('names', 'areas');

    expect(await edge.sync()).toMatchObject({
      status: 'failed',
      error: { code: 'CENTRAL_RESPONSE_INVALID' },
    });
    expect(await edge.everything('names', 'areas')).toEqual(before);
  });

  it('is in the log also with characters that PostgreSQL does not hold', async () => {
    jest.spyOn(edge.hub, 'request').mockRejectedValue(new RivuletError('DEVICE_UNKNOWN', 'Who is \0 there?'));

    expect(await edge.sync()).toMatchObject({ status: 'failed', manifestId: null });
    expect((await edge.state.history(1))[0]!.error!.message).toBe('Who is  there?');
  });
});

describe("central's key", () => {
  let other: FakeHub;

  beforeEach(async () => {
    other = await FakeHub.create(macAddress);
    other.datasets = [numberedTexts('names', ['Mallory'])];
    other.position.sequence = 1_000;
  });

  it('is the one of the first manifest from then on', async () => {
    const before = await edge.everything('names', 'areas');
    expect(await edge.sync({ hub: other })).toMatchObject({
      status: 'failed',
      manifestId: null,
      error: { code: 'CENTRAL_KEY_UNKNOWN' },
    });

    expect(await edge.everything('names', 'areas')).toEqual(before);
    expect(other.acknowledgements).toEqual([]);
  });

  it('is the configured one, if there is one', async () => {
    expect(await edge.sync({ hub: other, pinnedKey: () => other.thumbprint })).toMatchObject({
      status: 'applied',
    });
    expect(await edge.state.read()).toMatchObject({ centralKey: other.thumbprint, sequence: 1_001 });
  });
});
