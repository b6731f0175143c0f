import { Logger } from '@nestjs/common';
import type { CentralServices } from '../../apps/central/test/central-services';
import { DevicesIndicator } from '../../apps/central/src/device-sync/devices.indicator';
import { SyncInProcess } from '../support/apps/sync-in-process';

const source = `
CREATE SCHEMA source;
CREATE TABLE source.readings (id int PRIMARY KEY, value text);
INSERT INTO source.readings SELECT n, 'first' FROM generate_series(1, 10) AS n`;

const datasets = `version: 1
scope: { query: "SELECT :mac_address::text AS device_id" }
datasets:
  - { name: readings, key: [id], query: "SELECT id, value FROM source.readings" }
`;

/** What a dump has, and a restore puts back. */
const TABLES = ['sync_acknowledgements', 'sync_manifest_tables', 'sync_manifests', 'sync_requests'];

let pair: SyncInProcess;
let central: CentralServices;
let errors: jest.SpyInstance;

beforeEach(async () => {
  pair = await SyncInProcess.create(source, '');
  central = await pair.services(datasets);
  errors = jest.spyOn(Logger.prototype, 'error');
});

afterEach(async () => {
  errors.mockRestore();
  await pair.close();
});

async function atCentral<T extends object>(statement: string): Promise<T[]> {
  return (await pair.central.database.pool.query<T>(statement)).rows;
}

async function write(value: string): Promise<void> {
  await atCentral(`UPDATE source.readings SET value = '${value}' WHERE id = 1`);
}

async function valueOnEdge(): Promise<string> {
  const { rows } = await pair.edge.database.pool.query<{ value: string }>(
    'SELECT value FROM readings WHERE id = 1',
  );
  return rows[0]!.value;
}

async function dump(): Promise<string> {
  for (const table of TABLES) await atCentral(`CREATE TABLE public.old_${table} AS TABLE rivulet.${table}`);
  const [row] = await atCentral<{ last: string }>('SELECT last_value AS last FROM rivulet.manifest_sequence');
  return row!.last;
}

/** The tables are as they were, and so is the source, which is in the same database. */
async function restore(lastSequence: string): Promise<void> {
  for (const table of TABLES) await atCentral(`DELETE FROM rivulet.${table}`);
  for (const table of TABLES.toReversed()) {
    const [row] = await atCentral<{ columns: string }>(
      `SELECT string_agg(quote_ident(attname), ', ') AS columns FROM pg_attribute
       WHERE attrelid = 'rivulet.${table}'::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''`,
    );
    await atCentral(
      `INSERT INTO rivulet.${table} (${row!.columns}) SELECT ${row!.columns} FROM public.old_${table}`,
    );
  }
  await atCentral(
    `SELECT setval('rivulet.manifest_sequence', ${lastSequence}); DELETE FROM rivulet.snapshot_cache`,
  );
  await write('old');
}

/** Another device of the same central, which takes numbers. */
async function syncOther(device: number): Promise<unknown> {
  return central.requests.answer(
    `01KAJ9V9RW4C7ZK3DYE7V1NB${device}`,
    { macAddress: `48:b0:2d:e9:c3:${device}` },
    { protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] },
  );
}

describe('restore-without-epoch: a device that has applied what the restored database has not issued', () => {
  let lastSequence: string;

  beforeEach(async () => {
    await pair.sync(central);
    lastSequence = await dump();
    for (const value of ['second', 'third']) {
      await write(value);
      await pair.sync(central);
    }
    await restore(lastSequence);
    central = await pair.services(datasets);
  });

  it('is refused, however many numbers pass its own, and keeps its rows', async () => {
    for (let device = 10; device < 20; device++) {
      expect(await pair.sync(central)).toMatchObject({ status: 'failed', error: { code: 'CENTRAL_BEHIND' } });
      await syncOther(device);
      await write(`old ${device}`);
    }
    expect(await valueOnEdge()).toBe('third');
  });

  it('is refused also when it is heard for the first time after its number has passed', async () => {
    for (let device = 10; device < 20; device++) await syncOther(device);
    expect(await pair.sync(central)).toMatchObject({ status: 'failed', error: { code: 'CENTRAL_BEHIND' } });
    expect(await valueOnEdge()).toBe('third');
  });

  it('is told loudly at central, once, and shown in its health', async () => {
    for (let time = 1; time <= 3; time++) await pair.sync(central);
    const lines = errors.mock.calls.map(([, message]) => String(message));
    const told = lines.filter((line) => line.includes('which this database has not issued'));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(
      /^Device .* has applied manifest .*, number 1\/\d+, .* Next step: Raise the epoch/,
    );

    const { up, detail } = await new DevicesIndicator(pair.central.central, central.troubles).check();
    expect({ up, ...detail }).toMatchObject({ up: false, ahead: 1 });
    expect(detail!['problem']).toContain('POST /api/operators/restore');
  });

  it('is served again when an operator has raised the epoch', async () => {
    await pair.sync(central);
    expect(await central.epochs.raise()).toEqual({ before: 1, epoch: 2, released: 1 });
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
    expect(await valueOnEdge()).toBe('old');
    const { up } = await new DevicesIndicator(pair.central.central, central.troubles).check();
    expect(up).toBe(true);
  });

  it('does not keep others from being served', async () => {
    await pair.sync(central);
    expect(await syncOther(10)).toMatchObject({ status: 'update' });
  });
});

describe('a device of a higher epoch than that of central', () => {
  it('is served again when the epoch was raised above that', async () => {
    await atCentral('UPDATE rivulet.central_state SET epoch = 5');
    await pair.sync(central);
    await atCentral('DELETE FROM rivulet.sync_manifests; UPDATE rivulet.central_state SET epoch = 1');
    await write('second');
    expect(await pair.sync(central)).toMatchObject({ error: { code: 'CENTRAL_BEHIND' } });
    await central.epochs.raise();
    expect(await pair.sync(central)).toMatchObject({ error: { code: 'CENTRAL_BEHIND' } });
    await expect(central.epochs.raise(1_002)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    expect(await central.epochs.raise(5)).toEqual({ before: 2, epoch: 6, released: 1 });
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
  });
});

describe('a device that was served before the epoch was raised', () => {
  it('is served, though its manifests are lost', async () => {
    await pair.sync(central);
    await atCentral('DELETE FROM rivulet.sync_manifests');
    await central.epochs.raise();
    await write('second');
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
  });
});
