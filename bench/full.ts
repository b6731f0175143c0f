import { rmSync, writeFileSync } from 'node:fs';
import { AppProcess } from '@rivulet/testing';
import type { BenchServers } from './bench-servers';
import { rawCopy } from './raw-copy';
import { benchDatasets, benchMacAddress, createSourceRows, createTargetTable } from './source-rows';
import { median, round, timed } from './statistics';

export interface FullOptions {
  rows: number;
  /** Rounds; each runs every contender once, and medians are reported. */
  repeat: number;
}

/** A full, verified sync of one table, against an unverified COPY pipe in the same run. */
export interface FullResult {
  rows: number;
  rawBytes: number;
  wireBytes: number;
  rawCopySeconds: number;
  /** Central has to read the rows and store their chunks. */
  coldSeconds: number;
  /** Central has the chunks already. */
  warmSeconds: number;
  coldRatio: number;
  warmRatio: number;
  centralRssMiB: number;
  edgeRssMiB: number;
}

interface SyncAnswer {
  status: string;
  wireBytes: number;
  durations: Record<string, number>;
  tables: { bytes: number; rows: number }[];
  error?: { message: string };
}

export async function benchFull(
  servers: BenchServers,
  options: FullOptions,
  log: (line: string) => void,
): Promise<FullResult> {
  log(`Making ${options.rows} rows`);
  await createSourceRows(servers.central.pool, options.rows);
  await createTargetTable(servers.edge.pool, 'raw_target');
  const datasetsFile = servers.path('datasets.yaml');
  writeFileSync(datasetsFile, benchDatasets);
  const central = await AppProcess.start('central', {
    CENTRAL_DATABASE_URL: servers.central.url,
    CENTRAL_DATASETS_FILE: datasetsFile,
  });
  const edge = await AppProcess.start('edge', {
    EDGE_DATABASE_URL: servers.edge.url,
    EDGE_CENTRAL_URL: central.url,
    EDGE_MAC_ADDRESS: benchMacAddress,
    EDGE_SPOOL_FILE: servers.path('edge.spool'),
    EDGE_SYNC_SCHEDULE: '1h',
    EDGE_FIRST_SYNC_DELAY: '1h',
  });
  try {
    return await run(servers, options, central, edge, log);
  } finally {
    await edge.stop();
    await central.stop();
    rmSync(datasetsFile);
  }
}

async function run(
  servers: BenchServers,
  { rows, repeat }: FullOptions,
  central: AppProcess,
  edge: AppProcess,
  log: (line: string) => void,
): Promise<FullResult> {
  const rawCopySeconds: number[] = [];
  const coldSeconds: number[] = [];
  const warmSeconds: number[] = [];
  let answer: SyncAnswer | undefined;
  const sync = async (): Promise<void> => {
    answer = await syncNow(edge);
    log(`  sync: ${JSON.stringify(answer.durations)}`);
  };
  for (let number = 1; number <= repeat; number++) {
    await settle(servers);
    rawCopySeconds.push(await timed(() => rawCopy(servers.central.pool, servers.edge.pool, 'raw_target')));
    await forgetChunks(servers);
    await forgetMirror(servers);
    await settle(servers);
    coldSeconds.push(await timed(sync));
    await forgetMirror(servers);
    await settle(servers);
    warmSeconds.push(await timed(sync));
    const [raw, cold, warm] = [rawCopySeconds, coldSeconds, warmSeconds].map((list) =>
      list.at(-1)!.toFixed(2),
    );
    log(`Round ${number}: raw copy ${raw} s, cold ${cold} s, warm ${warm} s`);
  }
  const floor = median(rawCopySeconds);
  return {
    rows,
    rawBytes: answer!.tables[0]!.bytes,
    wireBytes: answer!.wireBytes,
    rawCopySeconds: round(floor, 3),
    coldSeconds: round(median(coldSeconds), 3),
    warmSeconds: round(median(warmSeconds), 3),
    coldRatio: round(median(coldSeconds) / floor, 2),
    warmRatio: round(median(warmSeconds) / floor, 2),
    centralRssMiB: round(central.peakRssMiB, 0),
    edgeRssMiB: round(edge.peakRssMiB, 0),
  };
}

async function syncNow(edge: AppProcess): Promise<SyncAnswer> {
  const response = await fetch(`${edge.url}/api/sync/now`, { method: 'POST' });
  const answer = (await response.json()) as SyncAnswer;
  if (answer.status !== 'applied') throw new Error(`The sync did not apply: ${JSON.stringify(answer)}`);
  return answer;
}

/** So that nobody pays for the dirty pages of the one before. */
async function settle({ central, edge }: BenchServers): Promise<void> {
  await Promise.all([central.pool.query('CHECKPOINT'), edge.pool.query('CHECKPOINT')]);
}

async function forgetChunks({ central }: BenchServers): Promise<void> {
  await central.pool.query(
    `TRUNCATE rivulet.chunks, rivulet.snapshots, rivulet.snapshot_chunks, rivulet.sync_manifest_tables,
       rivulet.sync_manifests, rivulet.sync_acknowledgements`,
  );
}

async function forgetMirror({ edge }: BenchServers): Promise<void> {
  await edge.pool.query('DROP TABLE IF EXISTS bench_mirror');
  await edge.pool.query('TRUNCATE rivulet.edge_sync_state, rivulet.edge_sync_tables, rivulet.edge_sync_log');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export function fullTable(result: FullResult): string {
  return [
    `Full sync of ${result.rows} rows, ${megabytes(result.rawBytes)} of canonical text`,
    '',
    '| what | seconds | against raw COPY |',
    '|---|---|---|',
    `| raw COPY pipe, unverified | ${result.rawCopySeconds} | 1.00 |`,
    `| Rivulet, cold (central builds the snapshot) | ${result.coldSeconds} | ${result.coldRatio} |`,
    `| Rivulet, warm (central has the chunks) | ${result.warmSeconds} | ${result.warmRatio} |`,
    '',
    `On the wire: ${megabytes(result.wireBytes)}, ${round(result.wireBytes / result.rawBytes, 3)} of the rows.`,
    `Peak memory: central ${result.centralRssMiB} MiB, edge ${result.edgeRssMiB} MiB.`,
  ].join('\n');
}
