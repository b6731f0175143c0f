import { isPostgresError } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { extensionTypes } from '@rivulet/protocol';
import { escapeIdentifier, type ClientBase } from 'pg';
import { placeText } from '../catalogue/mirror-place';
import type { MirrorShape } from '../catalogue/mirror-shape';

/** The parts of a column's type in a manifest: `postgis.geometry(Point,4326)[]`. */
export interface ExtensionType {
  extension: string;
  name: string;
  /** `(Point,4326)[]` */
  modifiers: string;
}

const wireText = /^([a-z]+)\.([a-z]+)((?:\([\w-]+(?:,[\w-]+)*\))?(?:\[\])?)$/;

/** Returns undefined unless the text is a supported type of an extension. */
export function readExtensionType(text: string): ExtensionType | undefined {
  const [, extension = '', name = '', modifiers = ''] = wireText.exec(text) ?? [];
  if (!Object.hasOwn(extensionTypes, extension)) return undefined;
  return extensionTypes[extension]!.includes(name) ? { extension, name, modifiers } : undefined;
}

/** Why an extension's type is missing, and the next step. */
export interface MissingType {
  reason: string;
  nextStep: string;
}

/** Explains why this database does not have a type of an extension. */
export async function explainMissingType(
  client: ClientBase,
  { extension, name }: ExtensionType,
): Promise<MissingType> {
  const { rows } = await client.query<{ installed: string | null; available: boolean; server: string }>(
    `SELECT (SELECT extversion FROM pg_extension WHERE extname = $1) AS installed,
            EXISTS (SELECT FROM pg_available_extensions WHERE name = $1) AS available,
            current_setting('server_version_num')::int / 10000 AS server`,
    [extension],
  );
  const { installed, available, server } = rows[0]!;
  if (installed !== null) {
    return {
      reason: `the installed extension ${extension} ${installed} does not have the type ${name}`,
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
 * Creates the extensions that the columns of a table need, if this server has them. A rollback of the transaction
 * removes them. They are created in the mirror's schema, to which the edge's role may always write.
 *
 * @throws RivuletError SCHEMA_UNSUPPORTED when PostgreSQL refuses
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
      // No permission, a missing file, a missing extension that it requires, or a name in use.
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
      `(the extension ${extension} is not installed, and creating it failed: ${error.message}).`,
    { nextStep: createByHand(extension), cause: error },
  );
}

function createByHand(extension: string): string {
  return `Run CREATE EXTENSION ${extension} as a superuser in the edge's database.`;
}
