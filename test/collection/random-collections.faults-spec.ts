import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectingEdge } from '../support/apps/collecting-edge';
import { collectionRounds, historySeed } from '../support/histories/history-length';
import { CollectionOperator } from '../support/clients/collection-operator';
import { seededRandom } from '../support/attacks/odd-inputs';

const OVERLAP_SECONDS = 600;
const START = Date.parse('2026-01-01T00:00:00Z');

interface User {
  id: number;
  name: string;
  at: number;
}

type Random = () => number;

/** What an edge has, and what central must have of it, by mode. */
class Expected {
  readonly users = new Map<number, User>();
  readonly appended = new Map<number, User>();
  readonly snapshots = new Map<string, User[]>();
  private watermark = -Infinity;

  /** As an append takes them: above the watermark, less the overlap. */
  append(): void {
    const seen = [...this.users.values()].filter(({ at }) => at > this.watermark - OVERLAP_SECONDS * 1_000);
    for (const user of seen) this.appended.set(user.id, user);
    this.watermark = Math.max(this.watermark, ...seen.map(({ at }) => at));
  }
}

const whole = (random: Random, below: number): number => Math.floor(random() * below);

/** Some random changes, in one transaction. The clock of the edge jumps, but not back by more than the overlap. */
async function change(
  { database }: CollectingEdge,
  expected: Expected,
  random: Random,
  clock: number,
): Promise<void> {
  const { users } = expected;
  for (let count = whole(random, 12); count > 0; count--) {
    const known = [...users.keys()];
    const id = known.length > 0 && random() < 0.6 ? known[whole(random, known.length)]! : whole(random, 400);
    const at = clock - whole(random, OVERLAP_SECONDS - 1) * 1_000;
    const kind = random();
    if (kind < 0.2) users.delete(id);
    else if (kind < 0.3 && users.has(id)) {
      users.delete(id);
      const moved = 1_000 + whole(random, 400);
      users.set(moved, { id: moved, name: `moved\t${count}`, at });
    } else users.set(id, { id, name: `\\${count}\n${id}`.repeat(1 + whole(random, 40)), at });
  }
  const rows = [...users.values()].map(({ id, name, at }) => ({ id, name, at: new Date(at).toISOString() }));
  await database.pool.query(
    `WITH gone AS (DELETE FROM users WHERE id NOT IN (SELECT (row->>'id')::bigint FROM jsonb_array_elements($1::jsonb) AS row))
     INSERT INTO users SELECT * FROM jsonb_to_recordset($1::jsonb) AS row (id bigint, name text, at timestamptz)
     ON CONFLICT (id) DO UPDATE SET (name, at) = (excluded.name, excluded.at)`,
    [JSON.stringify(rows)],
  );
}

const sorted = (users: Iterable<User>): User[] => [...users].toSorted((a, b) => a.id - b.id);

let central: CentralInProcess;
let edges: CollectingEdge[];

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac', CENTRAL_COLLECTION_APPLIES: '4' });
  edges = await Promise.all([1, 2, 3].map(() => CollectingEdge.join(central, { allow: ['users'] })));
  for (const { database } of edges)
    await database.pool.query('CREATE TABLE users (id bigint PRIMARY KEY, name text, at timestamptz)');
});
afterAll(async () => {
  await Promise.all(edges.map((edge) => edge.stop()));
  await central.stop();
});

async function collected(from: string): Promise<User[]> {
  const { rows } = await central.database.pool.query<User>(
    `SELECT id::int AS id, name, extract(epoch FROM at)::float8 * 1000 AS at FROM collected.${from} ORDER BY id`,
  );
  return rows;
}

it(`random histories of three edges arrive as an oracle has them (seed ${historySeed})`, async () => {
  const random = seededRandom(historySeed);
  const operator = new CollectionOperator(central);
  const sql_command = 'SELECT * FROM users';
  const jobs = {
    mirror: await operator.define({ name: 'm', sql_command, target_table: 'all_m' }, edges),
    append: await operator.define(
      {
        name: 'a',
        sql_command: `${sql_command} WHERE at > ?`,
        target_table: 'all_a',
        overlap: OVERLAP_SECONDS,
      },
      edges,
    ),
    snapshot: await operator.define(
      { name: 's', sql_command, target_table: 'all_s', mode: 'snapshot' },
      edges,
    ),
  };
  const expected = edges.map(() => new Expected());
  for (let round = 0; round < collectionRounds; round++) {
    for (const [index, edge] of edges.entries())
      await change(edge, expected[index]!, random, START + round * 300_000);
    // One that is offline takes no part, and catches up in a later round.
    const online = edges.filter(() => random() < 0.8);
    const runs: string[] = [];
    for (const job of [jobs.mirror, jobs.append, jobs.snapshot]) {
      const { id } = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
      runs.push(id);
    }
    await Promise.all(online.map((edge) => edge.collect()));
    for (const id of runs) await operator.post(`/api/runs/${id}/cancel`);
    for (const edge of online) {
      const one = expected[edges.indexOf(edge)]!;
      one.append();
      one.snapshots.set(runs[2]!, sorted(one.users.values()));
      const of = `WHERE network_id = '${edge.networkId}'`;
      expect(await collected(`all_m ${of}`)).toEqual(sorted(one.users.values()));
      expect(await collected(`all_a ${of}`)).toEqual(sorted(one.appended.values()));
      for (const [run, users] of one.snapshots)
        expect(await collected(`all_s ${of} AND run_id = '${run}'`)).toEqual(users);
    }
  }
});
