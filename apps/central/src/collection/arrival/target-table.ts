import { RivuletError } from '@rivulet/errors';
import {
  createMissingSchemas,
  inspectPlaces,
  openMirror,
  placeKey,
  qualifiedName,
  type FoundObject,
  type Mirror,
} from '@rivulet/mirror';
import { isPostgresError, sqlState } from '@rivulet/postgres';
import type { Column } from '@rivulet/protocol';
import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import type { CollectionDatabase } from '../collection-database';
import { OWN_COLUMNS, TARGET_SCHEMA, type CollectionMode } from '../definitions/collection-schema';

/** Marks a table that central has made for collected rows. No other table is written. */
const OWNERSHIP_COMMENT = 'Rivulet collected rows, mode ';

/** The setting that a transaction has the values of a new row's own columns in. */
export const NETWORK_SETTING = 'rivulet.network_id';
export const RUN_SETTING = 'rivulet.run_id';

const GRANTS =
  `As the owner of central's database: CREATE SCHEMA IF NOT EXISTS ${TARGET_SCHEMA}; ` +
  `GRANT USAGE, CREATE ON SCHEMA ${TARGET_SCHEMA} TO the role in CENTRAL_DATABASE_URL. Then run the job again.`;

export interface TargetShape {
  schemaId: string;
  name: string;
  targetTable: string;
  mode: CollectionMode;
  key: string[];
  /** Those of the key first. */
  columns: Column[];
}

/** A target table whose columns hold those of an offer. */
export interface Target {
  /** The columns of the offer, without central's own. */
  mirror: Mirror;
  qualifiedName: string;
  mode: CollectionMode;
  /** Columns that the offer does not have: they become NULL. */
  missing: string[];
}

/**
 * Finds the target table of an offer; makes it, and adds columns that are new. In a transaction of its own, so that
 * readers and other networks do not wait for rows.
 *
 * @throws RivuletError COLLECTION_TARGET_UNFIT · COLLECTION_OFFER_INVALID
 */
export async function prepareTarget(database: CollectionDatabase, shape: TargetShape): Promise<Target> {
  return database.transaction(async (client) => {
    const found = await find(client, shape);
    if (found !== undefined && newColumns(found, shape).length === 0) return open(client, shape, found);
    // Two networks that bring the first rows at once: one makes the table, the other finds it.
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended('rivulet target ' || $1, 0))", [
      shape.targetTable,
    ]);
    const locked = await find(client, shape);
    if (locked === undefined) await create(client, shape);
    else await widen(client, shape, locked);
    return open(client, shape, (await find(client, shape))!);
  });
}

/** The types of the columns that a target table has, if it is there. */
export async function typesOfTarget(client: ClientBase, targetTable: string): Promise<Map<string, string>> {
  const found = await findTarget(client, targetTable);
  return new Map((found?.columns ?? []).map(({ name, type }) => [name, type]));
}

/** The target if it is there. */
async function findTarget(client: ClientBase, targetTable: string): Promise<FoundObject | undefined> {
  const place = { schema: TARGET_SCHEMA, table: targetTable };
  return (await inspectPlaces(client, [place])).get(placeKey(place));
}

async function find(client: ClientBase, shape: TargetShape): Promise<FoundObject | undefined> {
  const found = await findTarget(client, shape.targetTable);
  if (found === undefined) return undefined;
  refuseUnfit(shape, found);
  await refuseForeign(client, shape, found);
  return found;
}

/** Triggers and defaults of a table run as whoever writes to it: those of another role would run as central. */
async function refuseForeign(
  client: ClientBase,
  { targetTable }: TargetShape,
  { oid }: FoundObject,
): Promise<void> {
  const { rows } = await client.query<{ owner: string }>(
    `SELECT rolname AS owner FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner
     WHERE pg_class.oid = $1 AND rolname <> current_user`,
    [oid],
  );
  if (rows[0] !== undefined)
    throw unfit(targetTable, `its owner is ${rows[0].owner}, and not the role of central, which made it`);
}

function refuseUnfit(shape: TargetShape, found: FoundObject): void {
  const { targetTable, mode } = shape;
  if (found.comment?.startsWith(OWNERSHIP_COMMENT) !== true)
    throw unfit(targetTable, `it is a ${found.kind} that Rivulet did not create`);
  if (found.comment !== OWNERSHIP_COMMENT + mode)
    throw unfit(
      targetTable,
      `it was made for ${found.comment.slice(OWNERSHIP_COMMENT.length)}, not for ${mode}`,
    );
  const key = keyOf(shape);
  if (found.key.join('\0') !== key.join('\0'))
    throw unfit(targetTable, `its key is ${found.key.join(', ')}, not ${key.join(', ')}`);
  for (const { name, type } of shape.columns) {
    const known = found.columns.find((column) => column.name === name);
    if (known !== undefined && known.type !== type)
      throw unfit(targetTable, `column ${name} is ${known.type}, and the query now gives ${type}`);
  }
}

function newColumns(found: FoundObject, { columns }: TargetShape): Column[] {
  return columns.filter(({ name }) => !found.columns.some((known) => known.name === name));
}

async function create(client: ClientBase, shape: TargetShape): Promise<void> {
  const place = { schema: TARGET_SCHEMA, table: shape.targetTable };
  const { columns, keyColumns } = await resolve(client, shape);
  const name = qualifiedName(place);
  const definitions = columns.map(({ name: column, type, collatable }, index) => {
    const isKey = index < keyColumns;
    return `${escapeIdentifier(column)} ${type}${isKey && collatable ? ' COLLATE "C"' : ''}${isKey ? ' NOT NULL' : ''}`;
  });
  const key = keyOf(shape).map((column) => escapeIdentifier(column));
  await refusable(shape, () => createMissingSchemas(client, [place]));
  await refusable(shape, () =>
    client.query(`CREATE TABLE ${name} (
      network_id text COLLATE "C" NOT NULL DEFAULT rivulet.collection_setting('${NETWORK_SETTING}'),
      collected_at timestamptz NOT NULL DEFAULT now(),
      run_id text COLLATE "C" NOT NULL DEFAULT rivulet.collection_setting('${RUN_SETTING}'),
      ${definitions.join(', ')},
      PRIMARY KEY (${key.join(', ')}));
      COMMENT ON TABLE ${name} IS ${escapeLiteral(OWNERSHIP_COMMENT + shape.mode)}`),
  );
  // A new table begins from nothing, whatever an earlier one had.
  await client.query('DELETE FROM rivulet.collection_positions WHERE schema_id = $1', [shape.schemaId]);
}

async function widen(client: ClientBase, shape: TargetShape, found: FoundObject): Promise<void> {
  const added = newColumns(found, shape);
  if (added.length === 0) return;
  const { columns } = await resolve(client, shape);
  const additions = added.map(({ name }) => {
    const { type } = columns.find((column) => column.name === name)!;
    return `ADD COLUMN ${escapeIdentifier(name)} ${type}`;
  });
  await refusable(shape, () => client.query(`ALTER TABLE ${qualifiedName(found)} ${additions.join(', ')}`));
}

async function open(client: ClientBase, shape: TargetShape, found: FoundObject): Promise<Target> {
  const mirror = await resolve(client, shape);
  const offered = new Set<string>([...OWN_COLUMNS, ...shape.columns.map(({ name }) => name)]);
  const missing = found.columns.map(({ name }) => name).filter((name) => !offered.has(name));
  return { mirror, qualifiedName: qualifiedName(found), mode: shape.mode, missing };
}

async function resolve(
  client: ClientBase,
  { name, targetTable, columns, key }: TargetShape,
): Promise<Mirror> {
  try {
    return await openMirror(client, { name, schema: TARGET_SCHEMA, table: targetTable, columns, key });
  } catch (error) {
    if (!(error instanceof RivuletError) || error.code !== 'SCHEMA_UNSUPPORTED') throw error;
    throw unfit(
      targetTable,
      error.message.replace(/^.* cannot hold table [^:]*: /, 'PostgreSQL cannot hold '),
    );
  }
}

/** PostgreSQL refuses what central's role may not do, keys of some types, and too many columns. */
async function refusable(shape: TargetShape, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isPostgresError(error) || !/^(0A|42|54)/.test(error.code)) throw error;
    const isForbidden = error.code === sqlState.insufficientPrivilege;
    throw unfit(shape.targetTable, error.message, error, isForbidden ? GRANTS : undefined);
  }
}

function keyOf({ mode, key }: TargetShape): string[] {
  return mode === 'snapshot' ? ['network_id', 'run_id', ...key] : ['network_id', ...key];
}

export function unfit(targetTable: string, reason: string, cause?: unknown, nextStep?: string): RivuletError {
  return new RivuletError(
    'COLLECTION_TARGET_UNFIT',
    `Table ${TARGET_SCHEMA}.${targetTable} does not fit: ${reason.replace(/\.$/, '')}.`,
    { cause, ...(nextStep !== undefined && { nextStep }) },
  );
}
