import { FieldReader, patterns, ShapeError } from './field-reader';
import { MANIFEST_MAX_TABLES } from './limits';
import type { Manifest, ManifestTable } from './manifest';
import { RivuletError } from './rivulet-error';
import { tableChecksum } from './table-checksum';

/** What a device says that it has of one dataset. */
export interface HeldTable {
  name: string;
  fingerprint: string;
  checksum: string;
}

/**
 * What to do with one table: keep the mirror as it is, or load it from the chunks with these digests, in order.
 * The frames of a payload are numbered through the chunks of all `load` tables, from 0.
 */
export type TablePlan = { name: string; action: 'keep' } | { name: string; action: 'load'; chunks: string[] };

/** How a device gets from what it has to the manifest. One entry for each table of the manifest, in its order. */
export interface SyncPlan {
  tables: TablePlan[];
  /** Bytes of all frames. Not proved by anything: it serves to show progress and to ask for room on the disk. */
  wireBytes: number;
}

/** Whether a device already has just this content. */
export function holds(
  held: HeldTable | undefined,
  table: { fingerprint: string; checksum: string },
): boolean {
  return held !== undefined && held.fingerprint === table.fingerprint && held.checksum === table.checksum;
}

/**
 * Reads a plan from decoded JSON and proves it against the signed manifest: the chunks of a table that is to be
 * loaded must be the ones that its checksum is made of, and a table may be kept only if the device has just that
 * content. So a plan needs no signature of its own.
 *
 * @throws RivuletError CENTRAL_RESPONSE_INVALID, naming the field
 */
export function parseSyncPlan(value: unknown, manifest: Manifest, held: HeldTable[]): SyncPlan {
  try {
    const fields = new FieldReader(value, 'plan');
    const tables = fields.list('tables', MANIFEST_MAX_TABLES, readTablePlan);
    if (tables.length !== manifest.tables.length)
      throw new ShapeError('plan.tables does not match the manifest');
    for (const [index, table] of tables.entries()) {
      const problem = disprove(table, manifest.tables[index]!, held);
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
  const action = fields.text('action', /^(keep|load)$/, '`keep` or `load`');
  if (action === 'keep') return { name, action };
  const chunks = fields.list('chunks', 2 ** 31, (digest, digestPath) => {
    if (typeof digest === 'string' && patterns.sha256.test(digest)) return digest;
    throw new ShapeError(`${digestPath} is not a SHA-256 in hex`);
  });
  return { name, action: 'load', chunks };
}

function disprove(plan: TablePlan, table: ManifestTable, held: HeldTable[]): string | undefined {
  if (plan.name !== table.name) return `is not about ${table.name}`;
  if (plan.action === 'keep') {
    const own = held.find((candidate) => candidate.name === table.name);
    return holds(own, table) ? undefined : 'keeps a mirror that differs from the manifest';
  }
  const proved = tableChecksum(table.fingerprint, plan.chunks) === table.checksum;
  return proved ? undefined : "has chunks that do not make up the manifest's checksum";
}
