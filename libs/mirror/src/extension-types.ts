import { isPostgresError } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { extensionTypes } from '@rivulet/protocol';
import { escapeIdentifier, type ClientBase } from 'pg';
import { placeText } from './mirror-place';
import type { MirrorShape } from './mirror-shape';

/** A column's type as a manifest has it, taken apart: `postgis.geometry(Point,4326)[]`. */
export interface ExtensionType {
  extension: string;
  name: string;
  /** `(Point,4326)[]` */
  modifiers: string;
}

const wireText = /^([a-z]+)\.([a-z]+)((?:\([\w-]+(?:,[\w-]+)*\))?(?:\[\])?)$/;

/** Undefined for anything but a type that this edge carries for an extension. */
export function readExtensionType(text: string): ExtensionType | undefined {
  const [, extension = '', name = '', modifiers = ''] = wireText.exec(text) ?? [];
  if (!Object.hasOwn(extensionTypes, extension)) return undefined;
  return extensionTypes[extension]!.includes(name) ? { extension, name, modifiers } : undefined;
}

/** What keeps an extension from giving a type, and what to do about it. */
export interface ExtensionLack {
  reason: string;
  nextStep: string;
}

/** Why this database does not have a type of an extension. */
export async function whatExtensionLacks(
  client: ClientBase,
  { extension, name }: ExtensionType,
): Promise<ExtensionLack> {
  const { rows } = await client.query<{ installed: string | null; available: boolean; server: string }>(
    `SELECT (SELECT extversion FROM pg_extension WHERE extname = $1) AS installed,
            EXISTS (SELECT FROM pg_available_extensions WHERE name = $1) AS available,
            current_setting('server_version_num')::int / 10000 AS server`,
    [extension],
  );
  const { installed, available, server } = rows[0]!;
  if (installed !== null) {
    return {
      reason: `the extension ${extension} ${installed}, which is installed, does not have ${name}`,
      nextStep: `Install a newer version of the extension ${extension} on this device, and run ALTER EXTENSION ${extension} UPDATE as a superuser in the edge's database.`,
    };
  }
  if (!available) {
    return {
      reason: `the extension ${extension} is not installed`,
      nextStep: `Install the package with the extension ${extension} for PostgreSQL ${server} on this device: the next sync creates it.`,
    };
  }
  return { reason: `the extension ${extension} is not installed`, nextStep: createByHand(extension) };
}

/**
 * Creates the extensions that the columns of a table need, where this server has them: with the transaction they are
 * rolled back. They are created in the schema of the mirror, which the edge's role may write to in any case.
 *
 * @throws RivuletError SCHEMA_UNSUPPORTED when PostgreSQL does not let us
 */
export async function createMissingExtensions(client: ClientBase, table: MirrorShape): Promise<void> {
  const wanted = table.columns.flatMap(({ type }) => readExtensionType(type)?.extension ?? []);
  if (wanted.length === 0) return;
  const { rows } = await client.query<{ extension: string }>(
    `SELECT name AS extension FROM pg_available_extensions
     WHERE name = ANY ($1) AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = name) ORDER BY name`,
    [wanted],
  );
  for (const { extension } of rows) {
    try {
      const schema = escapeIdentifier(table.schema);
      await client.query(`CREATE EXTENSION IF NOT EXISTS ${escapeIdentifier(extension)} SCHEMA ${schema}`);
    } catch (error) {
      // No right to, a file that is missing, another extension that it needs, a name that is taken.
      if (!isPostgresError(error) || !/^(0A|42|58)/.test(error.code)) throw error;
      throw notCreated(table, extension, error);
    }
  }
}

function notCreated(table: MirrorShape, extension: string, error: Error): RivuletError {
  const columns = table.columns
    .filter(({ type }) => readExtensionType(type)?.extension === extension)
    .map(({ name, type }) => `column ${name} of type ${type}`);
  return new RivuletError(
    'SCHEMA_UNSUPPORTED',
    `This edge's PostgreSQL cannot hold table ${placeText(table)}: ${columns.join(', ')} ` +
      `(the extension ${extension} is not installed, and to create it PostgreSQL says: ${error.message}).`,
    { nextStep: createByHand(extension), cause: error },
  );
}

function createByHand(extension: string): string {
  return `Run CREATE EXTENSION ${extension} as a superuser in the edge's database.`;
}
