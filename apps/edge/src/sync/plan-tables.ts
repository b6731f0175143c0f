import {
  compareChunkLists,
  framesOfTable,
  type ChunkSpan,
  type ChunkSummary,
  type HeldTable,
  type Manifest,
  type ManifestTable,
  type SyncPlan,
  type TablePlan,
} from '@rivulet/protocol';

export const applyModes = ['auto', 'truncate', 'merge'] as const;

/**
 * - `auto`: a mirror that has rows is merged or patched, any other is loaded;
 * - `truncate`: whatever has changed is emptied and loaded;
 * - `merge`: as `auto`, and a mirror with rows is not emptied even if nothing is recorded of it.
 */
export type ApplyMode = (typeof applyModes)[number];

/** A frame, by its number in the plan. */
export interface PlannedFrame {
  number: number;
  digest: string;
}

/** How the mirror of one table gets from what it holds to the manifest. */
export interface TableTask {
  table: ManifestTable;
  /** `load`: emptied and filled · `merge`: compared with the chunks that differ · `patch`: by the rows that differ */
  action: 'keep' | 'load' | 'merge' | 'patch';
  /** The frames that it takes. */
  frames: PlannedFrame[];
  /** For `merge`: where the mirror differs from the manifest. */
  spans: ChunkSpan[];
  /** For `merge`: what the mirror was found to hold, where nothing is recorded of it. */
  found?: ChunkSummary[];
}

/** What a mirror holds, in digests of chunks. */
export interface HeldChunks extends Pick<HeldTable, 'name' | 'fingerprint'> {
  digests: string[];
  found?: ChunkSummary[];
}

/**
 * Decides for each table what is to be done, before anything is fetched: of a table that central sends in chunks,
 * only those that its mirror does not hold are needed.
 *
 * @param held mirrors with rows, by which a table that is sent in chunks may be compared
 */
export function planTables(manifest: Manifest, plan: SyncPlan, held: HeldChunks[]): TableTask[] {
  let next = 0;
  return manifest.tables.map((table, index) => {
    const tablePlan = plan.tables[index]!;
    const frames = framesOfTable(tablePlan).map((digest, place) => ({ number: next + place, digest }));
    next += frames.length;
    return planTable(table, tablePlan, frames, held);
  });
}

function planTable(
  table: ManifestTable,
  plan: TablePlan,
  frames: PlannedFrame[],
  held: HeldChunks[],
): TableTask {
  const base = held.find(({ name }) => name === table.name);
  if (plan.action !== 'load' || base?.fingerprint !== table.fingerprint) {
    return { table, action: plan.action, frames, spans: [] };
  }
  const { digests, found } = base;
  const spans = compareChunkLists(digests, plan.chunks);
  const needed = spans.flatMap(({ newPosition, newCount }) =>
    frames.slice(newPosition, newPosition + newCount),
  );
  return { table, action: 'merge', frames: needed, spans, ...(found === undefined ? {} : { found }) };
}
