import { FieldReader, patterns, ShapeError } from '../json/field-reader';
import { MANIFEST_MAX_TABLES } from '../version/limits';
import type { Manifest, ManifestTable } from '../manifest/manifest';
import { RivuletError } from '@rivulet/errors';
import { tableChecksum } from '../manifest/table-checksum';

/** Frame numbers have 32 bits. */
const PLAN_MAX_FRAMES = 2 ** 31;

/** A mirror that a device reports. */
export interface DeviceTable {
  name: string;
  fingerprint: string;
  checksum: string;
}

/**
 * What to do with one table:
 *
 * - `keep` the mirror;
 * - `patch` the reported mirror with the frames that have these digests;
 * - `load` it from the chunks with these digests, in order, whatever it contains now.
 *
 * The frames of a payload are numbered from 0 across the patches and chunks of all tables.
 */
export type TablePlan =
  | { name: string; action: 'keep' }
  | { name: string; action: 'patch'; frames: string[] }
  | { name: string; action: 'load'; chunks: string[] };

/** How a device gets from its mirrors to the manifest. One entry for each table of the manifest, in its order. */
export interface SyncPlan {
  tables: TablePlan[];
  /** Bytes of all frames. Not verified: used to show progress and to check for disk space. */
  wireBytes: number;
}

/** The part of a request that the plan in its response must respect. */
export interface PlanTerms {
  /** The mirrors that the device has. */
  tables: DeviceTable[];
  /** Requests chunks instead of patches for tables that differ. */
  wholeTables?: boolean;
}

/** Whether a device already has this content. */
export function holds(
  held: DeviceTable | undefined,
  table: { fingerprint: string; checksum: string },
): boolean {
  return held !== undefined && held.fingerprint === table.fingerprint && held.checksum === table.checksum;
}

/** The digests of a payload's frames, in the order of their numbers. */
export function plannedFrames(plan: SyncPlan): string[] {
  return plan.tables.flatMap(framesOfTable);
}

export function framesOfTable(table: TablePlan): string[] {
  if (table.action === 'keep') return [];
  return table.action === 'patch' ? table.frames : table.chunks;
}

/**
 * Reads a plan from decoded JSON and checks it against the signed manifest: the chunks of a table to load must give its
 * checksum, and a table may be kept only if the device has its content. So a plan needs no signature of its own. A patch
 * is proved by its result: the checksum of the mirror before the commit.
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
      const problem = findMismatch(table, manifest.tables[index]!, asked);
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

function findMismatch(plan: TablePlan, table: ManifestTable, asked: PlanTerms): string | undefined {
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
