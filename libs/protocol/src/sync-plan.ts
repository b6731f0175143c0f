import { FieldReader, patterns, ShapeError } from './field-reader';
import { MANIFEST_MAX_TABLES } from './limits';
import type { Manifest, ManifestTable } from './manifest';
import { RivuletError } from '@rivulet/errors';
import { tableChecksum } from './table-checksum';

/** Frame numbers have 32 bits. */
const PLAN_MAX_FRAMES = 2 ** 31;

/** What a device says that it has of one dataset. */
export interface HeldTable {
  name: string;
  fingerprint: string;
  checksum: string;
}

/**
 * What to do with one table:
 *
 * - `keep` the mirror as it is;
 * - `patch` it, as it was held, by the patches in the frames with these digests;
 * - `load` it from the chunks with these digests, in order, whatever is there now.
 *
 * The frames of a payload are numbered through the patches and chunks of all tables, from 0.
 */
export type TablePlan =
  | { name: string; action: 'keep' }
  | { name: string; action: 'patch'; frames: string[] }
  | { name: string; action: 'load'; chunks: string[] };

/** How a device gets from what it has to the manifest. One entry for each table of the manifest, in its order. */
export interface SyncPlan {
  tables: TablePlan[];
  /** Bytes of all frames. Not proved by anything: it serves to show progress and to ask for room on the disk. */
  wireBytes: number;
}

/** The part of a request that its answer's plan must respect. */
export interface PlanTerms {
  /** The mirrors that the device has. */
  tables: HeldTable[];
  /** Asks for tables that differ to be sent as chunks, not as patches. */
  wholeTables?: boolean;
}

/** Whether a device already has just this content. */
export function holds(
  held: HeldTable | undefined,
  table: { fingerprint: string; checksum: string },
): boolean {
  return held !== undefined && held.fingerprint === table.fingerprint && held.checksum === table.checksum;
}

/** The digests of a payload's frames: each stands in the place that is its number. */
export function plannedFrames(plan: SyncPlan): string[] {
  return plan.tables.flatMap(framesOfTable);
}

export function framesOfTable(table: TablePlan): string[] {
  if (table.action === 'keep') return [];
  return table.action === 'patch' ? table.frames : table.chunks;
}

/**
 * Reads a plan from decoded JSON and proves it against the signed manifest: the chunks of a table that is to be
 * loaded must be the ones that its checksum is made of, and a table may be kept only if the device has just that
 * content. So a plan needs no signature of its own. A patch is proved by what it makes: by the checksum of the
 * mirror, before it is committed.
 *
 * @throws RivuletError CENTRAL_RESPONSE_INVALID, naming the field
 */
export function parseSyncPlan(value: unknown, manifest: Manifest, asked: PlanTerms): SyncPlan {
  try {
    const fields = new FieldReader(value, 'plan');
    const tables = fields.list('tables', MANIFEST_MAX_TABLES, readTablePlan);
    if (tables.length !== manifest.tables.length)
      throw new ShapeError('plan.tables does not match the manifest');
    for (const [index, table] of tables.entries()) {
      const problem = disprove(table, manifest.tables[index]!, asked);
      if (problem !== undefined) throw new ShapeError(`plan.tables[${index}] ${problem}`);
    }
    return { tables, wireBytes: fields.count('wireBytes') };
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new RivuletError('CENTRAL_RESPONSE_INVALID', `Central's plan is not valid: ${error.message}.`);
  }
}

function readTablePlan(item: unknown, path: string): TablePlan {
  const fields = new FieldReader(item, path);
  const name = fields.text('name');
  const action = fields.text(
    'action',
    /^(keep|patch|load)$/,
    '`keep`, `patch` or `load`',
  ) as TablePlan['action'];
  if (action === 'keep') return { name, action };
  if (action === 'patch') return { name, action, frames: fields.list('frames', PLAN_MAX_FRAMES, readDigest) };
  return { name, action, chunks: fields.list('chunks', PLAN_MAX_FRAMES, readDigest) };
}

function readDigest(value: unknown, path: string): string {
  if (typeof value === 'string' && patterns.sha256.test(value)) return value;
  throw new ShapeError(`${path} is not a SHA-256 in hex`);
}

function disprove(plan: TablePlan, table: ManifestTable, asked: PlanTerms): string | undefined {
  if (plan.name !== table.name) return `is not about ${table.name}`;
  const held = asked.tables.find((candidate) => candidate.name === table.name);
  if (plan.action === 'keep') {
    return holds(held, table) ? undefined : 'keeps a mirror that differs from the manifest';
  }
  if (plan.action === 'patch') {
    const hasBase = held?.fingerprint === table.fingerprint && asked.wholeTables !== true;
    if (!hasBase) return 'patches a mirror that was not offered';
    return plan.frames.length > 0 ? undefined : 'patches a mirror with nothing';
  }
  const proved = tableChecksum(table.fingerprint, plan.chunks) === table.checksum;
  return proved ? undefined : "has chunks that do not make up the manifest's checksum";
}
