import { writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { inTransaction, readSource, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import type { ClientBase, Pool } from 'pg';
import { matchKeys, type KeyOption } from './key-options';
import { counted } from '@rivulet/cli';
import { findSchemas, findSourceTables } from './source-tables';
import { planDatasets, type LeftOut } from './starter-datasets';
import { writeStarterFile } from './starter-file';
import { proposeScope } from './starter-scope';

export interface InitOptions {
  schemas: string[];
  keys: KeyOption[];
  /** The file to be made; without it only the text is. */
  out: string | undefined;
  /** Of the device that the file knows where no table does. */
  macAddress: string;
  timeoutMs: number;
}

export interface StarterReport {
  text: string;
  datasets: number;
  leftOut: LeftOut[];
  /** Of the only device that the file knows. */
  macAddress: string | undefined;
}

/** Of the JSON Schema, in the project's folder. */
const JSON_SCHEMA = 'db/datasets.schema.json';

/**
 * Makes a datasets file that sends every table of some schemas. It only reads the source.
 *
 * @throws RivuletError REQUEST_INVALID when there is nothing to write, or a file is in the way
 */
export async function initDatasetsFile(source: Pool, options: InitOptions): Promise<StarterReport> {
  const report = await withClient(source, (client) =>
    inTransaction(client, readSource(options.timeoutMs), async () => {
      await useCanonicalSettings(client);
      return makeFile(client, options);
    }),
  );
  if (options.out !== undefined) await writeNew(options.out, report.text);
  return report;
}

async function makeFile(client: ClientBase, options: InitOptions): Promise<StarterReport> {
  const { schemas, out } = options;
  const tables = await findSourceTables(client, schemas);
  if (tables.length === 0) throw await nothingToWrite(client, schemas, 'no tables');
  const planned = await planDatasets(client, tables, matchKeys(options.keys, tables));
  if (planned.datasets.length === 0) {
    const [{ table, reason } = undefined!] = planned.leftOut;
    throw await nothingToWrite(client, schemas, `no table that can be sent. Of ${table.sql}: ${reason}`);
  }
  const scope = await proposeScope(
    client,
    tables.filter(({ isView }) => !isView),
    options.macAddress,
  );
  const schemaPath = out && relative(dirname(resolve(out)), resolve(JSON_SCHEMA));
  const text = writeStarterFile({ ...planned, schemas, scope, schemaPath });
  return { text, datasets: planned.datasets.length, leftOut: planned.leftOut, macAddress: scope.macAddress };
}

async function nothingToWrite(client: ClientBase, schemas: string[], what: string): Promise<RivuletError> {
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  const others = await findSchemas(client);
  const listed = others.map(({ name, tables }) => `${name} (${counted(tables, 'table')})`).join(', ');
  return new RivuletError(
    'REQUEST_INVALID',
    `Database ${rows[0]!.name} has in ${schemas.join(', ')} ${what}.`.replace(/\.\.$/, '.'),
    {
      nextStep:
        listed === ''
          ? 'Set CENTRAL_DATABASE_URL to the database with your tables.'
          : `It has tables in ${listed}: name schemas with --schema.`,
    },
  );
}

/** Never writes over a file: somebody may have worked on it. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const [message, nextStep] =
      code === 'EEXIST'
        ? ['is there already, and is not written over', 'Name another file with --out, or remove it.']
        : [`cannot be written (${code})`, 'Name a file that can be made.'];
    throw new RivuletError('REQUEST_INVALID', `${path} ${message}.`, { cause: error, nextStep });
  }
}
