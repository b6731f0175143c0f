import { RivuletError } from '@rivulet/errors';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { ClientBase } from 'pg';
import {
  load,
  numbered,
  numberedContent,
  patch,
  patchesBetween,
  summaries,
  transaction,
} from '../../test/mirror-fixture';
import { openMirror } from '../table/mirror-table';

let database: TestDatabase;

const base = numberedContent(numbered(1_000));
/** A chunk in the middle, and the keys of its rows. */
const place = Math.floor(base.chunks.length / 2);
const [first, last] = [Number(base.chunks[place]!.firstKey), Number(base.chunks[place]!.lastKey)];
const all = base.chunks.length;

beforeAll(async () => {
  database = await createTestDatabase();
  await load(database.pool, base);
});

afterAll(() => database.drop());

/** One range: its span, keys to delete, rows to write. */
function range(position: number, count: number, keys: string[], rows: string[]): string {
  return [`${position} ${count} ${keys.length} ${rows.length}`, ...keys, ...rows]
    .map((line) => `${line}\n`)
    .join('');
}

interface Outcome {
  /** How it was refused, if it was. */
  message: string | undefined;
  code: string | undefined;
  /** Whether the transaction has changed a row. */
  isChanged: boolean;
}

/** Rows that this session has changed, in earlier transactions, too. */
async function changes(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ changes: string }>(
    `SELECT n_tup_ins + n_tup_upd + n_tup_del AS changes FROM pg_stat_xact_user_tables WHERE relname = 'users'`,
  );
  return Number(rows[0]!.changes);
}

/** Applies patches, looks what they did before anything is rolled back, and rolls back. */
async function outcomeOf(...contents: (string | Buffer)[]): Promise<Outcome> {
  const outcome: Outcome = { message: undefined, code: undefined, isChanged: false };
  const rollback = new Error('roll back');
  const work = transaction(database.pool, async (client) => {
    const mirror = await openMirror(client, base.table);
    const before = await changes(client);
    try {
      await patch(
        client,
        mirror,
        base,
        contents.map((content) => Buffer.from(content as string)),
      );
    } catch (error) {
      if (!(error instanceof RivuletError)) throw error;
      Object.assign(outcome, { message: error.message, code: error.code });
      // After an error of PostgreSQL nothing can be asked any more, and nothing can be committed.
      if (error.cause !== undefined) throw rollback;
    }
    outcome.isChanged = (await changes(client)) > before;
    throw rollback;
  });
  await work.catch((error: unknown) => {
    if (error !== rollback) throw error;
  });
  return outcome;
}

describe('patches', () => {
  it('may be many, with ranges that go on from one to the next', async () => {
    const names = numbered(1_000);
    for (const id of names.keys()) if (id % 7 < 5) names.set(id, `new ${id}`);
    for (let id = 0; id < 500; id += 10) names.delete(id);
    const target = numberedContent(names);
    const contents = patchesBetween(base, target);
    expect(contents.length).toBeGreaterThan(5);
    await transaction(database.pool, async (client) => {
      const mirror = await openMirror(client, base.table);
      const { chunks } = await patch(client, mirror, base, contents);
      expect(chunks).toEqual(summaries(target));
      await patch(client, mirror, target, patchesBetween(target, base));
    });
  });

  it('may be none', async () => {
    expect(await outcomeOf()).toMatchObject({ code: undefined, isChanged: false });
  });

  it('may write next to a chunk in its range', async () => {
    const gap = range(place, 1, [], [`${first - 1}\tx`, `${last + 1}\tx`]);
    expect(await outcomeOf(gap)).toMatchObject({ code: undefined, isChanged: true });
    const ends = [
      range(0, 0, [], ['-9223372036854775808\tx']),
      range(all, 0, [], ['9223372036854775807\tx']),
    ];
    expect(await outcomeOf(...ends)).toMatchObject({ code: undefined, isChanged: true });
  });
});

/** Comes first, so that a refusal of the next is not for want of anything. */
const good = range(1, 1, [], [`${Number(base.chunks[1]!.firstKey)}\tgood`]);

describe('a patch that would change what is not read again', () => {
  it.each([
    ['a row before its range', range(place, 1, [], [`${first - 10}\tx`])],
    ['a row behind its range', range(place, 1, [], [`${last + 10}\tx`])],
    ['a row far away', range(place, 1, [], [`${first}\tx`, '0\tx'])],
    ['a key before its range', range(place, 1, [`${first - 10}`], [])],
    ['a key behind its range', range(place, 1, [`${last + 10}`], [])],
    ['the key of a neighbour beside an empty span', range(place, 0, [], [`${first}\tx`])],
    ['a key below an open end', range(all, 0, ['0'], [])],
    ['a row in the range of another mirror', range(place + 2, 1, [], ['1\tx'])],
  ])('because it has %s is refused, and nothing is changed', async (_, content) => {
    expect(await outcomeOf(good, content)).toEqual({
      code: 'FRAME_INVALID',
      message: 'A patch of table users has rows or keys outside its key ranges.',
      isChanged: false,
    });
  });
});

describe('a patch that cannot be read', () => {
  it.each([
    ['without a range', 'x\n', 'where a range should begin'],
    ['with a range outside the mirror', range(all, 1, ['1'], []), 'outside the mirror'],
    ['that ends in a line', range(place, 1, [], ['1\tx']).slice(0, -1), 'does not end with a whole line'],
    ['that ends before its rows', `${place} 1 0 2\n${first}\tx\n`, 'ends too early'],
    ['that changes nothing', range(place, 1, [], []), 'changes nothing'],
    ['that is empty', '', 'is empty'],
    ['that goes back', range(0, 1, ['0'], []), 'has ranges that are not in order'],
    ['that overlaps', range(1, 2, ['0'], []), 'has ranges that are not in order'],
    ['with a NULL in a key to delete', range(place, 1, ['\\N'], []), 'violates not-null constraint'],
    ['with a NULL in the key of a row', range(place, 1, [], ['\\N\tx']), 'violates not-null constraint'],
    [
      'with a row twice',
      range(place, 1, [], [`${first}\tx`, `${first}\ty`]),
      'could not create unique index',
    ],
    ['with a key of another type', range(place, 1, ['one'], []), 'invalid input syntax for type bigint'],
    ['with a number too large', range(place, 1, ['9'.repeat(20)], []), 'is out of range for type bigint'],
    ['with a row that is too short', range(place, 1, [], [`${first}`]), 'missing data for column "name"'],
    ['with a row that is too long', range(place, 1, [], [`${first}\tx\ty`]), 'extra data after last'],
    ['with a key of two columns', range(place, 1, [`${first}\tx`], []), 'extra data after last'],
    ['with an empty line', range(place, 1, [], ['']), 'invalid input syntax for type bigint'],
    ['with a carriage return', range(place, 1, [], [`${first}\tx`, '1\tx\r']), 'literal carriage return'],
    [
      'with an end of data',
      range(place, 1, [], [`${first}\tx`, '\\.', '1\tx']),
      'has lines that are not rows',
    ],
    [
      'with rows that swallow others',
      range(place, 1, [], [`${first}\tx\\`, '1']),
      'has lines that are not rows',
    ],
    [
      'with bytes that are no text',
      Buffer.from(`${place} 1 0 1\n${first}\t\xff\n`, 'latin1'),
      'invalid byte',
    ],
  ])('%s is refused, and nothing is changed', async (_, content, problem) => {
    const outcome = await outcomeOf(good, content);
    expect(outcome).toMatchObject({ code: 'FRAME_INVALID', isChanged: false });
    expect(outcome.message).toContain(problem);
  });
});
