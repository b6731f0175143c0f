import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { connect, namedError } from '@rivulet/platform';
import { RivuletError } from '@rivulet/protocol';
import { createTestDatabase, FakeHub, numberedTexts, type TestDatabase } from '@rivulet/testing';
import type { DataSource } from 'typeorm';
import { monotonicFactory } from 'ulid';
import { CreateSyncTables1763683200000 } from '../../../../db/edge/migrations/1763683200000-create-sync-tables';
import { SpoolFile } from '../spool/spool-file';
import { EdgeSyncLog } from '../state/edge-sync-log.entity';
import { EdgeSyncState } from '../state/edge-sync-state.entity';
import { EdgeSyncTable } from '../state/edge-sync-table.entity';
import { SyncState } from '../state/sync-state';
import { withDatabaseLease } from './database-lease';
import { SyncCycle, type SyncCycleDependencies } from './sync-cycle';
import type { SyncProgress, SyncResult } from './sync-result';

const macAddress = '48:b0:2d:e9:c3:b7';

let database: TestDatabase;
let source: DataSource;
let state: SyncState;
let directory: string;
let spool: SpoolFile;
let hub: FakeHub;
let warnings: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  Logger.overrideLogger(false);
  source = await connect({
    url: database.url,
    urlVariable: 'EDGE_DATABASE_URL',
    applicationName: 'rivulet edge',
    entities: [EdgeSyncState, EdgeSyncTable, EdgeSyncLog],
    migrations: [CreateSyncTables1763683200000],
  });
  state = new SyncState(source);
  directory = await mkdtemp(join(tmpdir(), 'rivulet-edge-'));
});
afterAll(async () => {
  await source.destroy();
  await database.drop();
  await rm(directory, { recursive: true });
});
beforeEach(async () => {
  warnings = [];
  hub = await FakeHub.create(macAddress);
  spool = await SpoolFile.open(join(directory, 'edge.spool'));
  await spool.clear();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await spool.close();
  await database.pool.query(`
    DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    TRUNCATE rivulet.edge_sync_state, rivulet.edge_sync_tables, rivulet.edge_sync_log`);
});

function dependencies(): SyncCycleDependencies {
  return {
    hub,
    state,
    spool,
    macAddress,
    configuredKey: undefined,
    retry: { retries: 2, minDelayMs: 1, maxDelayMs: 2 },
    applyLimits: { statementTimeoutMs: 30_000, lockTimeoutMs: 5_000, idleTimeoutMs: 30_000 },
    now: () => new Date(),
    newId: monotonicFactory(),
    newNonce: () => randomBytes(18).toString('base64url'),
    nameError: namedError,
    onWarning: (message, { code }) => warnings.push(`${code} ${message}`),
  };
}

async function sync(): Promise<SyncResult> {
  const cycle = new SyncCycle(dependencies());
  const progress: SyncProgress = {
    phase: 'requesting',
    rowsDone: 0,
    rowsTotal: 0,
    bytesDone: 0,
    bytesTotal: 0,
  };
  const { signal } = new AbortController();
  return withDatabaseLease(source, (lease) => cycle.run('operator', lease, progress, signal));
}

async function countApplied(): Promise<number> {
  return (await state.history(100)).filter(({ status }) => status === 'applied').length;
}

const unreachable = new RivuletError('CENTRAL_UNREACHABLE', 'The connection was reset.');

beforeEach(async () => {
  hub.datasets = [numberedTexts('names', ['Ada'])];
  await sync();
  hub.datasets = [numberedTexts('names', ['Ada', 'Grace'])];
});

describe('an acknowledgement', () => {
  it('that does not get through is sent by the next cycle, and nothing is applied again', async () => {
    jest.spyOn(hub, 'acknowledge').mockRejectedValue(unreachable);
    const applied = await sync();
    expect(applied).toMatchObject({ status: 'applied', acknowledged: false });
    expect(warnings.at(-1)).toContain('was not taken');
    jest.restoreAllMocks();
    const fetches = hub.fetches.length;

    expect(await sync()).toMatchObject({
      status: 'current',
      acknowledged: true,
      manifestId: applied.manifestId,
    });

    expect(hub.acknowledgements.at(-1)).toMatchObject({
      manifestId: applied.manifestId,
      cycleId: applied.cycleId,
    });
    expect(hub.fetches).toHaveLength(fetches);
    expect(await countApplied()).toBe(2);
    expect(await state.unacknowledged()).toEqual([]);
  });

  it('whose answer is lost is sent again, word for word', async () => {
    const acknowledge = hub.acknowledge.bind(hub);
    jest.spyOn(hub, 'acknowledge').mockImplementationOnce(async (report) => {
      await acknowledge(report);
      throw unreachable;
    });

    expect(await sync()).toMatchObject({ status: 'applied', acknowledged: true });

    const [, first, second] = hub.acknowledgements;
    expect(second).toEqual(first);
    expect(await countApplied()).toBe(2);
  });

  it('that central refuses does not hold up the next one, and is not taken for given', async () => {
    const refusal = new RivuletError('REQUEST_INVALID', 'It proves nothing.');
    const acknowledge = hub.acknowledge.bind(hub);
    let refused: string | undefined;
    jest.spyOn(hub, 'acknowledge').mockImplementation(async (report) => {
      refused ??= report.manifestId;
      if (report.manifestId === refused) throw refusal;
      await acknowledge(report);
    });

    expect(await sync()).toMatchObject({ status: 'applied', acknowledged: false });
    expect(await sync()).toMatchObject({ status: 'current', acknowledged: false });
    hub.datasets = [numberedTexts('names', ['Edsger'])];
    const next = await sync();

    expect(next).toMatchObject({ status: 'applied', acknowledged: true });
    expect((await state.unacknowledged()).map(({ manifestId }) => manifestId)).toEqual([refused]);
  });

  it('of a manifest that central does not know any more is given up', async () => {
    jest
      .spyOn(hub, 'acknowledge')
      .mockRejectedValueOnce(new RivuletError('MANIFEST_UNKNOWN', 'It was deleted.'));

    expect(await sync()).toMatchObject({ status: 'applied', acknowledged: false });
    expect(await state.unacknowledged()).toEqual([]);
  });
});

describe('what fails after the commit', () => {
  it('does not make a failure of a manifest that is applied', async () => {
    jest.spyOn(spool, 'clear').mockRejectedValueOnce(new Error('EIO'));
    jest
      .spyOn(state, 'markAcknowledged')
      .mockRejectedValueOnce(new Error('Connection terminated unexpectedly'));

    expect(await sync()).toMatchObject({ status: 'applied' });

    expect(warnings).toEqual([
      'INTERNAL The spool could not be emptied',
      'DATABASE_UNAVAILABLE The acknowledgement is left to the next cycle',
    ]);
    expect(await countApplied()).toBe(2);
    expect(await sync()).toMatchObject({ status: 'current' });
    expect(await state.unacknowledged()).toEqual([]);
  });
});
