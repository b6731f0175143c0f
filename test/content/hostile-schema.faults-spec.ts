import { escapeIdentifier, type Pool } from 'pg';
import type { SyncResult } from '../../apps/edge/src/state/sync-result';
import { historySeed, hostileRounds } from '../support/histories/history-length';
import { datasetsFile, hostileDatasets } from '../support/attacks/hostile-datasets';
import { changeTable, changingTables, hostileSchema, macAddress } from '../support/attacks/hostile-tables';
import { ForgetfulHub, LocalHub } from '../support/apps/local-hub';
import { Randomness } from '../support/histories/random-source';
import { ThreeEdges } from '../support/apps/three-edges';

/** How often the slower ways are compared with the usual one. */
const EVERY = 2;

jest.setTimeout(60_000 + hostileRounds * 5_000);

const system = ThreeEdges.setUp(hostileSchema, datasetsFile(hostileDatasets));
const { edges } = system;

async function changeSource(random: Randomness): Promise<void> {
  const client = await system.source.database.pool.connect();
  try {
    await client.query('BEGIN');
    for (const table of changingTables) if (random.below(3) === 0) await changeTable(client, table, random);
    await client.query('COMMIT');
  } finally {
    client.release(true);
  }
}

const settings = `SET TimeZone TO 'UTC'; SET bytea_output TO 'hex'; SET IntervalStyle TO 'postgres';
  SET extra_float_digits TO 1; SET DateStyle TO 'ISO, YMD'; SET lc_monetary TO 'C'`;

/** The rows of each query as texts, in one order. */
async function readAll(pool: Pool, queries: string[]): Promise<string[][]> {
  const client = await pool.connect();
  try {
    await client.query(settings);
    const contents: string[][] = [];
    for (const query of queries) {
      const { rows } = await client.query<{ row: string }>(query);
      contents.push(rows.map(({ row }) => row).toSorted());
    }
    return contents;
  } finally {
    client.release(true);
  }
}

/** The query of each dataset at central, and that of its mirror. */
async function describeContents(): Promise<{ wanted: string[]; mirrored: string[] }> {
  const wanted: string[] = [];
  const mirrored: string[] = [];
  for (const { query, asked: question = query, key, table } of hostileDatasets) {
    const asked = `(${question}\n) AS t`;
    const { fields } = await system.source.database.pool.query(`SELECT * FROM ${asked} LIMIT 0`);
    const names = fields.map(({ name }) => name);
    const columns = [...key, ...names.filter((name) => !key.includes(name))];
    const row = `row(${columns.map((name) => `t.${escapeIdentifier(name)}`).join(', ')})::text`;
    const short = `SELECT left(row, 100) || CASE WHEN length(row) > 100 THEN md5(row) ELSE '' END AS row FROM`;
    wanted.push(`${short} (SELECT ${row} AS row FROM ${asked}) AS rows`);
    mirrored.push(`${short} (SELECT ${row} AS row FROM public.${escapeIdentifier(table)} AS t) AS rows`);
  }
  return { wanted, mirrored };
}

function checksums(result: SyncResult): Record<string, string> {
  return Object.fromEntries(result.tables.map(({ name, checksum }) => [name, checksum]));
}

function compare(story: string, mirrors: string[][], wanted: string[][]): void {
  for (const [index, rows] of wanted.entries()) {
    const dataset = hostileDatasets[index]!.query.slice(0, 100);
    expect({ story, dataset, rows: mirrors[index] }).toEqual({ story, dataset, rows });
  }
}

it(`after ${hostileRounds} rounds of changes every mirror is what SQL says, by patches, by chunks and whole`, async () => {
  const random = new Randomness(historySeed);
  const delta = new LocalHub(system.central, macAddress);
  const chunks = new ForgetfulHub(system.central, macAddress);
  const full = new LocalHub(system.central, macAddress);
  const { wanted, mirrored } = await describeContents();
  const seen = new Set<string>();
  for (let round = 1; round <= hostileRounds; round++) {
    const story = `seed ${historySeed}, round ${round}`;
    await changeSource(random);
    const result = await edges.delta.sync({ hub: delta });
    expect({ story, warnings: edges.delta.warnings, error: result.error }).toEqual({ story, warnings: [] });
    delta.actions.forEach((action) => seen.add(action));
    const expected = await readAll(system.source.database.pool, wanted);
    compare(story, await readAll(edges.delta.database.pool, mirrored), expected);

    if (round % EVERY !== 0) continue;
    const byChunks = await edges.chunks.sync({ hub: chunks });
    const whole = await edges.full.sync({ hub: full, applyMode: 'truncate' });
    expect({ story, error: byChunks.error ?? whole.error }).toEqual({ story, error: undefined });
    expect(checksums(byChunks)).toEqual(checksums(result));
    expect(checksums(whole)).toEqual(checksums(result));
    compare(story, await readAll(edges.chunks.database.pool, mirrored), expected);
    compare(story, await readAll(edges.full.database.pool, mirrored), expected);
  }
  expect([...seen]).toEqual(expect.arrayContaining(['keep', 'patch', 'load']));
  expect((await edges.delta.scrub()).status).toBe('intact');
});
