import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedServer } from '@rivulet/embedded-postgres';
import { numberedTexts, type FakeDataset } from '@rivulet/testing';
import { SyncCycleFixture } from '../../test/sync-cycle-fixture';

/** With a tenth of the locks that PostgreSQL has by default, a fifth of the thousand tables. */
const TABLES = 200;
const settings = { max_locks_per_transaction: '10', max_connections: '40', fsync: 'off' };

/** Each has two indexes, and columns of its own. */
function datasets(count: number, text: string): FakeDataset[] {
  return Array.from({ length: count }, (_, number) => {
    const table = numberedTexts(`table_${String(number).padStart(4, '0')}`, ['kept', text]);
    const columns = [
      ...table.columns,
      { name: `extra_${number}`, type: number % 2 === 0 ? 'text' : 'integer' },
    ];
    const indexes = [['label'], [`extra_${number}`]];
    return { ...table, columns, indexes, rows: table.rows.map((row) => [...row, '1']) };
  });
}

describe('a sync of many tables on a server with few locks (thousand-datasets)', () => {
  const edge = new SyncCycleFixture();
  let directory: string;
  let server: Awaited<ReturnType<typeof startEmbeddedServer>>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rivulet-locks-'));
    server = await startEmbeddedServer({ directory, port: 0, databases: [], settings });
    await edge.open(server.url('postgres'));
    await edge.begin();
    edge.hub.datasets = datasets(TABLES, 'I');
    await edge.sync();
  });
  afterAll(async () => {
    await edge.spool.close();
    await edge.close();
    await server.stop();
    await rm(directory, { recursive: true });
  });

  it('patches a row in every one', async () => {
    edge.hub.datasets = datasets(TABLES, 'II');

    const { status, error, tables } = await edge.sync();

    expect({ status, error }).toEqual({ status: 'applied', error: undefined });
    expect(new Set(tables.map(({ action }) => action))).toEqual(new Set(['patched']));
  });

  it('merges chunks into every one', async () => {
    edge.hub.forgetBases();
    edge.hub.datasets = datasets(TABLES, 'III');

    const { status, error, tables } = await edge.sync();

    expect({ status, error }).toEqual({ status: 'applied', error: undefined });
    expect(new Set(tables.map(({ action }) => action))).toEqual(new Set(['merged']));
  });

  it('that are too many says which setting to raise, and to what', async () => {
    edge.hub.datasets = datasets(700, 'IV');

    const { error } = await edge.sync();

    expect(error).toMatchObject({
      code: 'LOCKS_EXHAUSTED',
      message: expect.stringMatching(/Set max_locks_per_transaction to 192 or more\.$/) as string,
    });
  });
});
