import type { SyncResult } from '../../apps/edge/src/state/sync-result';
import { historyBatches, historySeed } from '../support/histories/history-length';
import { ForgetfulHub, LocalHub } from '../support/apps/local-hub';
import {
  change,
  datasets,
  macAddress,
  mirrors,
  oracle,
  Randomness,
  readAll,
  schema,
} from '../support/histories/random-source';
import { ThreeEdges } from '../support/apps/three-edges';

/** How often the slower ways are compared with the usual one. */
const EVERY = 10;

jest.setTimeout(60_000 + historyBatches * 1_000);

const system = ThreeEdges.setUp(schema, datasets);
const { edges } = system;

/** One transaction of one to four changes; some are rolled back, some stay open for a while. */
async function changeSource(random: Randomness, open: (() => Promise<void>)[]): Promise<string[]> {
  const client = await system.source.database.pool.connect();
  const done: string[] = [];
  await client.query(`SET lock_timeout = '2s'; BEGIN`);
  try {
    for (let count = 1 + random.below(4); count > 0; count--) done.push(await change(client, random));
  } catch (error) {
    // Blocked by a transaction of an earlier batch that is still open, or a duplicate key.
    await client.query('ROLLBACK');
    client.release();
    return [...done, `failed: ${String(error)}`];
  }
  const end = async (command: string): Promise<void> => {
    await client.query(command);
    client.release();
  };
  // A truncated table is locked until then, also for readers.
  const mayStayOpen = open.length === 0 && !done.some((name) => name.startsWith('truncate'));
  const fate = random.pick([
    'ROLLBACK',
    mayStayOpen ? 'left open' : 'COMMIT',
    ...Array<string>(8).fill('COMMIT'),
  ]);
  if (fate === 'left open') open.push(() => end('COMMIT'));
  else await end(fate);
  return [...done, fate];
}

/** Shows the first rows that only one side has. */
function compare(story: string, mirror: Record<string, string[]>, wanted: Record<string, string[]>): void {
  for (const [table, rows] of Object.entries(wanted)) {
    const own = new Set(mirror[table]);
    const expected = new Set(rows);
    const missing = rows.filter((row) => !own.has(row));
    const surplus = mirror[table]!.filter((row) => !expected.has(row));
    const seen = { story, table, missing: missing.slice(0, 5), surplus: surplus.slice(0, 5) };
    expect({ ...seen, rows: mirror[table]!.length }).toEqual({
      story,
      table,
      missing: [],
      surplus: [],
      rows: rows.length,
    });
  }
}

function checksums(result: SyncResult): Record<string, string> {
  return Object.fromEntries(result.tables.map(({ name, checksum }) => [name, checksum]));
}

it(`after ${historyBatches} batches of changes every mirror is what SQL says, by patches, by chunks and whole`, async () => {
  const random = new Randomness(historySeed);
  const delta = new LocalHub(system.central, macAddress);
  const chunks = new ForgetfulHub(system.central, macAddress);
  const full = new LocalHub(system.central, macAddress);
  const open: (() => Promise<void>)[] = [];
  const seen = new Set<string>();
  for (let batch = 1; batch <= historyBatches; batch++) {
    if (random.below(2) === 0) await open.pop()?.();
    const story = `seed ${historySeed}, batch ${batch}: ${(await changeSource(random, open)).join(', ')}`;

    const result = await edges.delta.sync({ hub: delta });
    const { warnings } = edges.delta;
    expect({ story, warnings, error: result.error }).toEqual({ story, warnings: [], error: undefined });
    delta.actions.forEach((action) => seen.add(action));
    const expected = await readAll(system.source.database.pool, oracle);
    compare(story, await readAll(edges.delta.database.pool, mirrors), expected);

    if (batch % EVERY !== 0) continue;
    const byChunks = await edges.chunks.sync({ hub: chunks });
    const whole = await edges.full.sync({ hub: full, applyMode: 'truncate' });
    expect({ story, error: byChunks.error ?? whole.error }).toEqual({ story, error: undefined });
    expect(checksums(byChunks)).toEqual(checksums(result));
    expect(checksums(whole)).toEqual(checksums(result));
    expect({ story, ...(await readAll(edges.chunks.database.pool, mirrors)) }).toEqual({
      story,
      ...expected,
    });
    compare(story, await readAll(edges.full.database.pool, mirrors), expected);
  }
  for (const commit of open) await commit();
  expect([...seen]).toEqual(expect.arrayContaining(['keep', 'patch', 'load']));
});
