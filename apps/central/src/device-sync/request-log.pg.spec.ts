import { CentralFixture } from '../../test/central-fixture';
import { RequestLog, type RequestRecord } from './request-log';

let fixture: CentralFixture;
let log: RequestLog;
let lastRequest: number;

beforeEach(async () => {
  fixture = await CentralFixture.create();
  log = new RequestLog(fixture.central);
  lastRequest = 0;
});

afterEach(() => fixture.close());

const START = Date.parse('2026-11-21T08:00:00Z');

/** The next request: an answer "current", a minute after the one before, unless it says otherwise. */
function record(differences: Partial<RequestRecord> = {}): RequestRecord {
  lastRequest += 1;
  return {
    requestId: `request ${lastRequest}`,
    deviceId: '1',
    macAddress: '48:b0:2d:e9:c3:b7',
    lastManifestId: 'manifest 1',
    outcome: 'current',
    manifestId: 'manifest 1',
    errorCode: null,
    receivedAt: new Date(START + lastRequest * 60_000),
    durationMs: lastRequest,
    ...differences,
  };
}

/** Each row: device, outcome, manifest, how often. */
async function rows(): Promise<string[]> {
  const { rows: found } = await fixture.database.pool.query<{ row: string }>(
    `SELECT concat_ws(' ', device_id, outcome, coalesce(manifest_id, error_code), times_received) AS row
     FROM rivulet.sync_requests ORDER BY device_id, received_at, id`,
  );
  return found.map(({ row }) => row);
}

/** The statements that `work` has the log send. */
async function countingStatements(work: () => Promise<unknown>): Promise<number> {
  const query = jest.spyOn(fixture.central, 'query');
  try {
    await work();
    return query.mock.calls.length;
  } finally {
    query.mockRestore();
  }
}

describe('answers "current"', () => {
  it('of one device and manifest share a row, which counts them', async () => {
    for (let times = 0; times < 3; times++) await log.add(record());
    expect(await rows()).toEqual(['1 current manifest 1 3']);
  });

  it('have the time of the first and of the last, and what is to be said of the last', async () => {
    for (let times = 0; times < 3; times++) await log.add(record());
    const { rows: found } = await fixture.database.pool.query(
      'SELECT request_id, received_at, last_received_at, duration_ms FROM rivulet.sync_requests',
    );
    expect(found).toEqual([
      {
        request_id: 'request 3',
        received_at: new Date(START + 60_000),
        last_received_at: new Date(START + 180_000),
        duration_ms: 3,
      },
    ]);
  });

  it('of other devices and manifests have rows of their own', async () => {
    await log.add(record());
    await log.add(record({ deviceId: '2' }));
    await log.add(record({ manifestId: 'manifest 2' }));
    await log.add(record());
    expect(await rows()).toEqual([
      '1 current manifest 1 2',
      '1 current manifest 2 1',
      '2 current manifest 1 1',
    ]);
  });

  it('are counted also when they arrive at the same time', async () => {
    await Promise.all(Array.from({ length: 7 }, () => log.add(record())));
    expect(await rows()).toEqual(['1 current manifest 1 7']);
    await Promise.all([log.add(record()), log.add(record()), log.add(record({ deviceId: '2' }))]);
    expect(await rows()).toEqual(['1 current manifest 1 9', '2 current manifest 1 1']);
  });

  it('are counted by several centrals in one row', async () => {
    const other = new RequestLog(fixture.central);
    await Promise.all([log.add(record()), other.add(record())]);
    expect(await rows()).toEqual(['1 current manifest 1 2']);
  });
});

it('every other answer has a row of its own', async () => {
  const failed = { outcome: 'failed', manifestId: null, errorCode: 'SERVER_BUSY' } as const;
  await Promise.all([log.add(record(failed)), log.add(record(failed))]);
  await log.add(record({ outcome: 'update' }));
  await log.add(record({ outcome: 'update' }));
  expect(await rows()).toEqual([
    '1 failed SERVER_BUSY 1',
    '1 failed SERVER_BUSY 1',
    '1 update manifest 1 1',
    '1 update manifest 1 1',
  ]);
});

describe('many at once', () => {
  it('share few statements', async () => {
    const statements = await countingStatements(() =>
      Promise.all(Array.from({ length: 500 }, (_, index) => log.add(record({ deviceId: `${index}` })))),
    );
    // The first is written alone; all that come meanwhile are written together.
    expect(statements).toBe(2);
    expect(await rows()).toHaveLength(500);
  });

  it('learn that it failed, all who waited for that statement and nobody else', async () => {
    const query = jest.spyOn(fixture.central, 'query');
    const first = log.add(record());
    query.mockRejectedValueOnce(new Error('away'));
    const together = [log.add(record({ deviceId: '2' })), log.add(record({ deviceId: '3' }))];
    const results = await Promise.allSettled([first, ...together]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await log.add(record({ deviceId: '4' }));
    expect(await rows()).toEqual(['1 current manifest 1 1', '4 current manifest 1 1']);
    query.mockRestore();
  });
});
