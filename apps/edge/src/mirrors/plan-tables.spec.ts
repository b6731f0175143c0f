import type { Manifest, SyncPlan, TablePlan } from '@rivulet/protocol';
import { planTables, type HeldChunks } from './plan-tables';

/** Digests, by one letter each. */
function digests(letters: string): string[] {
  return letters.split('').map((letter) => letter.repeat(64));
}

function plan(...tables: TablePlan[]): [Manifest, SyncPlan] {
  const described = tables.map(({ name }) => ({ name, table: name, fingerprint: `of ${name}` }));
  return [{ tables: described } as unknown as Manifest, { tables, wireBytes: 0 }];
}

function load(name: string, letters: string): TablePlan {
  return { name, action: 'load', chunks: digests(letters) };
}

function held(name: string, letters: string, fingerprint = `of ${name}`): HeldChunks {
  return { name, fingerprint, digests: digests(letters) };
}

function numbersOf(tasks: ReturnType<typeof planTables>): [string, number[]][] {
  return tasks.map(({ action, frames }) => [action, frames.map(({ number }) => number)]);
}

describe('what is to be done for a plan', () => {
  it('takes the frames of patches and loads by their numbers in the plan', () => {
    const patched = { name: 'b', action: 'patch', frames: digests('pq') } as const;
    const tasks = planTables(
      ...plan(load('a', 'xyz'), { name: 'k', action: 'keep' }, patched, load('c', 'w')),
      [],
    );

    expect(numbersOf(tasks)).toEqual([
      ['load', [0, 1, 2]],
      ['keep', []],
      ['patch', [3, 4]],
      ['load', [5]],
    ]);
    expect(tasks[2]!.frames.map(({ digest }) => digest)).toEqual(digests('pq'));
  });

  it('leaves out the chunks that a mirror holds', () => {
    const tasks = planTables(...plan(load('a', 'abXdYZ'), load('c', 'w')), [held('a', 'abcde')]);

    expect(numbersOf(tasks)).toEqual([
      ['merge', [2, 4, 5]],
      ['load', [6]],
    ]);
    expect(tasks[0]!.spans).toEqual([
      { position: 2, count: 1, newPosition: 2, newCount: 1 },
      { position: 4, count: 1, newPosition: 4, newCount: 2 },
    ]);
  });

  it('merges nothing into a mirror that is as it should be', () => {
    expect(numbersOf(planTables(...plan(load('a', 'abc')), [held('a', 'abc')]))).toEqual([['merge', []]]);
  });

  it('loads a mirror of other columns', () => {
    const tasks = planTables(...plan(load('a', 'abc')), [held('a', 'abc', 'another')]);

    expect(numbersOf(tasks)).toEqual([['load', [0, 1, 2]]]);
  });

  it('keeps what a mirror was found to hold', () => {
    const found = [{ digest: Buffer.alloc(32), rows: 1, bytes: 2, firstKey: '1', lastKey: '1' }];
    const [task] = planTables(...plan(load('a', 'ab')), [{ ...held('a', 'a'), found }]);

    expect(task).toMatchObject({ action: 'merge', found });
  });
});
