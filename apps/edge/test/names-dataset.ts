import { numberedTexts, type FakeDataset } from '@rivulet/testing';
import type { SyncCycleFixture } from './sync-cycle-fixture';

/** The rows of `names` that a reader sees, before and after it has a column more. */
export const ada = '[{"id": 1, "label": "Ada"}]';
export const adaWithNote = '[{"id": 1, "note": "x", "label": "Ada"}]';

export function names(change: Partial<FakeDataset> = {}): FakeDataset {
  return { ...numberedTexts('names', ['Ada']), ...change };
}

export function namesWithNote(change: Partial<FakeDataset> = {}): FakeDataset {
  const { columns } = names();
  return names({
    columns: [...columns, { name: 'note', type: 'text' }],
    rows: [['1', 'Ada', 'x']],
    ...change,
  });
}

/** As an application that makes what it makes in `public`. */
export async function runAsApplication(edge: SyncCycleFixture, ...statements: string[]): Promise<void> {
  for (const statement of statements) {
    await edge.database.pool.query(`SET LOCAL search_path TO public; ${statement}`);
  }
}
