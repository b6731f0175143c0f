import { setTimeout as delay } from 'node:timers/promises';
import { formatCount, formatFigure, markdownTable } from '@rivulet/cli';
import { startCentral, startEdge, syncNow, type RunningApp } from '../setup/bench-apps';
import { neighbourMacAddress } from '../setup/bench-devices';
import { CountingProxy } from '../measure/counting-proxy';
import { LogicalReplication } from '../peers/logical-replication';
import type { BenchRun } from '../setup/bench-run';
import { readManifest, SimulatedDevice } from '../load/simulated-device';
import { canonicalBytes, changeRows, scatteredIds } from '../setup/source-rows';
import { median, round, timed } from '../measure/statistics';

const CHANGED_ROWS = 100;
/** One changed row needs the least reading. */
const ONE_ROW = 1;
/** So many are also easy to see in logical replication. */
const MORE_CHANGED_ROWS = 1_000;
const MIN_ROUNDS = 5;
const ATTEMPTS = 1_000;
const RETRY_MS = 20;

/** The cost of a sync after some rows, far apart, were updated in one column. Medians. */
interface DeltaFigures {
  changedRows: number;
  /** Canonical bytes of these rows. */
  changedBytes: number;
  /** Everything between edge and central, both ways, HTTP headers and acknowledgement included. */
  wireBytes: number;
  requestBytes: number;
  answerBytes: number;
  /** Bytes of the frames. */
  payloadBytes: number;
  /** The whole cycle, after central has made its snapshot. */
  seconds: number;
  /** Of that, until the edge has central's answer, with the patch. */
  requestSeconds: number;
  /** Of that, the edge's own part: download, apply, read back and hash, report. */
  edgeSeconds: number;
  /** How long a device waits that asks first, so that central makes the snapshot. */
  rebuildSeconds: number;
  /** From the committed update on; null without peers. */
  replicationSeconds: number | null;
}

export interface DeltaResult extends Omit<DeltaFigures, 'replicationSeconds' | 'rebuildSeconds'> {
  /** For one row. */
  rebuildSeconds: number;
  /** For as many rows as all other figures here. */
  sameRowsRebuildSeconds: number;
  /** For 1,000 rows. */
  logicalReplicationSeconds: number | null;
  /** For as many rows as all other figures here. */
  logicalReplicationSameRowsSeconds: number | null;
  more: DeltaFigures;
}

export async function benchDelta(run: BenchRun): Promise<DeltaResult> {
  const central = await startCentral(run);
  const proxy = await CountingProxy.start(central.url, run.cleanup);
  const edge = await startEdge(run, proxy.url);
  const { tables } = await syncNow(edge, 'applied', 'current');
  const replication = run.peers ? await LogicalReplication.start(run.servers) : undefined;
  try {
    const rounds = new DeltaRounds(run, central, edge, proxy, replication, tables[0]!.checksum);
    const figures = await rounds.measure(CHANGED_ROWS);
    const more = await rounds.measure(MORE_CHANGED_ROWS);
    const { rebuildSeconds } = await rounds.measure(ONE_ROW);
    const { replicationSeconds, rebuildSeconds: sameRowsRebuildSeconds, ...rest } = figures;
    return {
      ...rest,
      rebuildSeconds,
      sameRowsRebuildSeconds,
      logicalReplicationSeconds: more.replicationSeconds,
      logicalReplicationSameRowsSeconds: replicationSeconds,
      more,
    };
  } finally {
    await replication?.stop();
    await edge.stop();
    await proxy.stop();
    await central.stop();
  }
}

class DeltaRounds {
  private round = 0;
  private readonly neighbour: SimulatedDevice;

  constructor(
    private readonly run: BenchRun,
    central: RunningApp,
    private readonly edge: RunningApp,
    private readonly proxy: CountingProxy,
    private readonly replication: LogicalReplication | undefined,
    /** The checksum of the rows that the edge has. */
    private checksum: string,
  ) {
    this.neighbour = new SimulatedDevice(central.url, neighbourMacAddress);
  }

  async measure(changedRows: number): Promise<DeltaFigures> {
    const rounds: DeltaFigures[] = [];
    for (let number = 0; number < Math.max(this.run.repeat, MIN_ROUNDS); number += 1) {
      rounds.push(await this.next(changedRows));
    }
    const middle = (name: keyof DeltaFigures, digits: number): number =>
      round(median(rounds.map((figures) => figures[name]!)), digits);
    return {
      changedRows,
      changedBytes: middle('changedBytes', 0),
      wireBytes: middle('wireBytes', 0),
      requestBytes: middle('requestBytes', 0),
      answerBytes: middle('answerBytes', 0),
      payloadBytes: middle('payloadBytes', 0),
      seconds: middle('seconds', 3),
      requestSeconds: middle('requestSeconds', 3),
      edgeSeconds: middle('edgeSeconds', 3),
      rebuildSeconds: middle('rebuildSeconds', 3),
      replicationSeconds: this.replication === undefined ? null : middle('replicationSeconds', 3),
    };
  }

  /** One update serves all, one after the other: replication first, then central's snapshot, then the edge. */
  private async next(changedRows: number): Promise<DeltaFigures> {
    const { servers, rows, log } = this.run;
    const { pool } = servers.central;
    const ids = scatteredIds(rows, changedRows, (this.round += 1));
    await servers.settle();
    await changeRows(pool, ids);
    const replicationSeconds = (await this.replication?.secondsUntilApplied(ids.at(-1)!)) ?? null;
    const changedBytes = await canonicalBytes(pool, ids);
    await servers.settle();
    const rebuildSeconds = await timed(async () => (this.checksum = await this.askForOther(this.checksum)));
    await servers.settle();
    this.proxy.take();
    const start = performance.now();
    const answer = await syncNow(this.edge, 'applied');
    const seconds = (performance.now() - start) / 1000;
    const requestSeconds = answer.durations.requestMs / 1000;
    const { upBytes, downBytes } = this.proxy.take();
    if (answer.tables[0]!.checksum !== this.checksum)
      throw new Error('The rows changed while they were synced.');
    log(
      `  ${changedRows} rows: rebuilt in ${rebuildSeconds.toFixed(2)} s, ${JSON.stringify(answer.durations)}`,
    );
    return {
      changedRows,
      changedBytes,
      wireBytes: upBytes + downBytes,
      requestBytes: upBytes,
      answerBytes: downBytes,
      payloadBytes: answer.wireBytes,
      seconds,
      requestSeconds,
      edgeSeconds: seconds - requestSeconds,
      rebuildSeconds,
      replicationSeconds,
    };
  }

  /**
   * Until central shows other rows than before. The neighbour says that it has nothing: how to get from the old rows
   * to the new ones is left to be found for the edge.
   */
  private async askForOther(checksum: string): Promise<string> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const answer = await this.neighbour.request();
      if (answer.status !== 'update') throw new Error('Central issued no manifest.');
      const shown = readManifest(answer.manifest).tables[0]!.checksum;
      if (shown !== checksum) return shown;
      await delay(RETRY_MS);
    }
    throw new Error('Central does not see that rows have changed.');
  }
}

export function deltaTable(result: DeltaResult): string {
  const columns: DeltaFigures[] = [
    {
      ...result,
      rebuildSeconds: result.sameRowsRebuildSeconds,
      replicationSeconds: result.logicalReplicationSameRowsSeconds,
    },
    result.more,
  ];
  const row = (what: string, read: (figures: DeltaFigures) => number | null): string[] => [
    what,
    ...columns.map((figures) => {
      const value = read(figures);
      return value === null ? '–' : formatFigure(value);
    }),
  ];
  return [
    '### Scattered rows updated in one column',
    '',
    markdownTable(
      ['what', ...columns.map(({ changedRows }) => `${formatCount(changedRows)} rows`)],
      [
        row('bytes of the changed rows', ({ changedBytes }) => changedBytes),
        row('bytes on the wire, both ways, everything', ({ wireBytes }) => wireBytes),
        row('of these, frames', ({ payloadBytes }) => payloadBytes),
        row('seconds of the cycle, snapshot made before', ({ seconds }) => seconds),
        row('of these, until central has answered with the patch', ({ requestSeconds }) => requestSeconds),
        row('of these, on the edge', ({ edgeSeconds }) => edgeSeconds),
        row('seconds in which central makes the snapshot', ({ rebuildSeconds }) => rebuildSeconds),
        row('seconds of logical replication, commit to applied', (figures) => figures.replicationSeconds),
      ],
    ),
    '',
    `Seconds in which central makes the snapshot after one row has changed: ${formatFigure(result.rebuildSeconds)}.`,
  ].join('\n');
}
