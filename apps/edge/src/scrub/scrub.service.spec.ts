import { Logger } from '@nestjs/common';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { Registry } from 'prom-client';
import type { EdgeSyncTable } from '../state/edge-sync-table.entity';
import type { MirrorInspection } from '../mirrors/inspect-mirror';
import type { Scrub, ScrubRun } from './scrub';
import type { ScrubResult } from '../state/scrub-result';
import { ScrubEnv } from './scrub.env';
import { ScrubMetrics } from './scrub.metrics';
import { ScrubService } from './scrub.service';

let run: jest.MockedFunction<Scrub['run']>;
let service: ScrubService;
let registry: Registry;
let spies: Record<'log' | 'warn' | 'error', jest.SpyInstance>;

beforeEach(() => {
  run = jest.fn();
  service = create();
  spies = {
    log: jest.spyOn(Logger.prototype, 'log').mockReturnValue(),
    warn: jest.spyOn(Logger.prototype, 'warn').mockReturnValue(),
    error: jest.spyOn(Logger.prototype, 'error').mockReturnValue(),
  };
});
afterEach(() => jest.restoreAllMocks());

function create(settings: Partial<ScrubEnv> = {}): ScrubService {
  const env = Object.assign(new ScrubEnv(), settings);
  registry = new Registry();
  return new ScrubService(env, { run } as unknown as Scrub, new ScrubMetrics(registry));
}

function resultOf(status: ScrubResult['status'], code?: ErrorCode): ScrubResult {
  const at = '2026-11-21T03:00:00.000Z';
  return {
    scrubId: '01KAJ9V9RW4C7ZK3DYE7V1NB2V',
    trigger: 'operator',
    status,
    startedAt: at,
    finishedAt: at,
    durationMs: 1,
    tables: [],
    ...(code === undefined ? {} : { error: { code, message: 'It failed.', nextStep: 'Wait.' } }),
  };
}

/** A scrub that begins, and ends when it is told to. */
function slowScrub(): { begun: Promise<ScrubRun>; finish: (result: ScrubResult) => void } {
  let begin!: (run: ScrubRun) => void;
  let finish!: (result: ScrubResult) => void;
  const begun = new Promise<ScrubRun>((resolve) => (begin = resolve));
  const finished = new Promise<ScrubResult>((resolve) => (finish = resolve));
  run.mockImplementationOnce((started) => {
    begin(started);
    return finished;
  });
  return { begun, finish };
}

describe('calls for a scrub', () => {
  it('join the one that is running, which then repairs if anybody wants it to', async () => {
    const scrub = slowScrub();
    const first = service.scrub('operator', false);
    const started = await scrub.begun;
    expect(started.repair).toBe(false);
    expect(service.progress).toEqual({
      phase: 'scrubbing',
      rowsDone: 0,
      rowsTotal: 0,
      bytesDone: 0,
      bytesTotal: 0,
    });
    const others = [service.scrub('schedule', true), service.scrub('operator', false)];
    expect(started.repair).toBe(true);
    const result = resultOf('intact');
    scrub.finish(result);

    expect(await Promise.all([first, ...others])).toEqual([result, result, result]);
    expect(run).toHaveBeenCalledTimes(1);
    expect(service.progress).toBeUndefined();
  });

  it.each([
    [true, undefined, true],
    [false, undefined, false],
    [true, false, false],
    [false, true, true],
  ])('where EDGE_SCRUB_REPAIR is %s and %s is asked for repair: %s', async (configured, asked, repair) => {
    run.mockResolvedValue(resultOf('intact'));
    await create({ repair: configured }).scrub('operator', asked);

    expect(run.mock.calls[0]![0]).toMatchObject({ trigger: 'operator', repair });
  });

  it('fail together when the log cannot be written, and the next one runs', async () => {
    run.mockRejectedValueOnce(new Error('no log')).mockResolvedValueOnce(resultOf('intact'));
    const calls = await Promise.allSettled([service.scrub('operator'), service.scrub('operator')]);

    expect(calls.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await service.scrub('operator')).toMatchObject({ status: 'intact' });
  });
});

describe('a shutdown', () => {
  it('aborts the scrub, waits until it has ended, and refuses others', async () => {
    const scrub = slowScrub();
    const running = service.scrub('operator');
    const { signal } = await scrub.begun;
    service.onModuleDestroy();
    expect(signal.reason).toMatchObject({ code: 'SHUTTING_DOWN' });
    let isClosed = false;
    const closing = service.beforeApplicationShutdown().then(() => (isClosed = true));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(isClosed).toBe(false);

    scrub.finish(resultOf('failed', 'SHUTTING_DOWN'));
    await Promise.all([running, closing]);

    await expect(service.scrub('operator')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('does not fail because the scrub did', async () => {
    run.mockRejectedValueOnce(new RivuletError('DATABASE_UNAVAILABLE', 'It is gone.'));
    const running = service.scrub('operator');

    await expect(service.beforeApplicationShutdown()).resolves.toBeUndefined();
    await expect(running).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });
});

describe('the log', () => {
  it.each([
    ['intact', undefined, 'log', /^Every mirror is as it was applied$/],
    ['repaired', undefined, 'warn', /^The deviating rows have been fetched again/],
    ['deviating', 'CENTRAL_UNREACHABLE', 'warn', /^Repair failed: It failed\. Wait\.$/],
    ['deviating', 'DISK_FULL', 'error', /^Repair failed/],
    ['failed', 'MIRROR_BUSY', 'warn', /^Failed: It failed\. Wait\.$/],
    ['failed', 'CHECKSUM_MISMATCH', 'error', /^Failed/],
  ] as const)('has a scrub that is %s with %s at %s', async (status, code, level, message) => {
    run.mockResolvedValueOnce(resultOf(status, code));
    await service.scrub('schedule');

    const lines = Object.entries(spies).flatMap(([name, spy]) =>
      spy.mock.calls.map((call: unknown[]) => [name, call[1]]),
    );
    expect(lines).toEqual([[level, expect.stringMatching(message)]]);
  });

  it('names mirror, chunks, keys and what to do, of a deviation', async () => {
    const deviation = {
      position: 4,
      chunks: 1,
      firstKey: '63',
      lastKey: '85',
      expectedRows: 23,
      actualRows: 24,
    };
    const inspection: MirrorInspection = {
      recorded: { table: 'users' } as EdgeSyncTable,
      status: 'deviating',
      chunks: 9,
      deviations: [deviation, { ...deviation, position: 7, firstKey: 'a\tb' }],
      found: [],
    };
    run.mockImplementation((started) => {
      started.onDeviation(inspection);
      started.onDeviation({ ...inspection, status: 'missing' });
      started.onDeviation({ ...inspection, deviations: [] });
      return Promise.resolve(resultOf('deviating'));
    });
    await service.scrub('operator', false);
    await service.scrub('operator', true);

    const lines = spies.warn.mock.calls.map(([line]: unknown[]) => line);
    const what =
      'The mirror users differs from what was applied, in 2 of its chunks: keys 63 to 85, and in 1 more ranges. ';
    const advice =
      'Find out who writes to it, then repair it with POST /api/sync/verify and {"repair": true}.';
    expect(lines.slice(0, 3)).toEqual([
      `${what}They should have 46 rows and have 48. ${advice}`,
      `The mirror users is missing, or its columns or key are different. ${advice}`,
      `The mirror users does not match its record. ${advice}`,
    ]);
    expect(lines[3]).toContain('Its deviating rows are being fetched again.');
    // Two scrubs, each with 2 deviating chunks, 9 of a missing mirror, and none.
    expect(await registry.metrics()).toContain('rivulet_edge_scrub_deviating_chunks_total 22');
  });
});
