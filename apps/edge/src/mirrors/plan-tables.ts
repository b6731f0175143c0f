import {
  compareChunkLists,
  framesOfTable,
  type ChunkSpan,
  type ChunkSummary,
  type DeviceTable,
  type Manifest,
  type ManifestTable,
  type SyncPlan,
  type TablePlan,
} from '@rivulet/protocol';

export const applyModes = ['auto', 'truncate'] as const;

/** `auto`: a mirror that has rows is merged or patched, any other is loaded · `truncate`: every table that differs is loaded */
export type ApplyMode = (typeof applyModes)[number];

/** A frame, by its number in the plan. */
export interface PlannedFrame {
  number: number;
  digest: string;
}

/** How the mirror of one table gets from its rows to those of the manifest. */
export interface TableTask {
  table: ManifestTable;
  /** `load`: empty and fill · `merge`: compare with the chunks that differ · `patch`: change the rows that differ */
  action: 'keep' | 'load' | 'merge' | 'patch';
  /** The frames that it needs. */
  frames: PlannedFrame[];
  /** For `merge`: where the mirror differs from the manifest. */
  spans: ChunkSpan[];
  /** For `merge`, when the mirror has no valid record: its chunks, as read. */
  found?: ChunkSummary[];
}

/** The content of a mirror, as digests of chunks. */
export interface HeldChunks extends Pick<DeviceTable, 'name' | 'fingerprint'> {
  digests: string[];
  found?: ChunkSummary[];
}

/**
 * Decides what to do with each table, before anything is fetched. When central sends a table in chunks, only the chunks
 * that the mirror lacks are needed.
 *
 * @param held the mirrors with rows that a table in chunks can be compared with
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
