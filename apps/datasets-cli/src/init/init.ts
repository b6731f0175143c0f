import { writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { inTransaction, readSource, withClient } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import type { ClientBase, Pool } from 'pg';
import type { KeyOption } from '../arguments/key-options';
import type { CommandProgress } from '../progress/command-progress';
import { matchKeys } from './match-keys';
import { counted } from '@rivulet/cli';
import { findSchemas, findSourceTables } from './source-tables';
import { planDatasets, type LeftOut } from './starter-datasets';
import { writeStarterFile } from './starter-file';
import { proposeScope } from './starter-scope';

export interface InitOptions {
  schemas: string[];
  keys: KeyOption[];
  /** The file to create; without it only the text is returned. */
  out: string | undefined;
  /** The device in the file if no table has MAC addresses. */
  macAddress: string;
  timeoutMs: number;
  progress?: CommandProgress;
}

export interface StarterReport {
  text: string;
  datasets: number;
  leftOut: LeftOut[];
  /** The device, if the file knows only one. */
  macAddress: string | undefined;
}

/** Path of the JSON Schema in the project's folder. */
const JSON_SCHEMA = 'db/datasets.schema.json';

/**
 * Creates a datasets file that sends every table of some schemas. Only reads the source.
 *
 * @throws RivuletError REQUEST_INVALID when there is nothing to write, or the file exists
 */
export async function initDatasetsFile(source: Pool, options: InitOptions): Promise<StarterReport> {
  const report = await withClient(source, (client) =>
    inTransaction(client, readSource(options.timeoutMs), async () => {
      return makeFile(client, options);
    }),
  );
  if (options.out !== undefined) await writeNew(options.out, report.text);
  return report;
}

async function makeFile(client: ClientBase, options: InitOptions): Promise<StarterReport> {
  const { schemas, out, progress } = options;
  progress?.stage('Finding tables');
  const tables = await findSourceTables(client, schemas);
  const place = schemas.join(', ');
  if (tables.length === 0) throw await nothingToWrite(client, `has no tables in ${place}.`);
  progress?.stage('Describing tables');
  const planned = await planDatasets(client, tables, matchKeys(options.keys, tables), (done) =>
    progress?.update(done, tables.length),
  );
  progress?.stage('Finding MAC addresses');
  if (planned.datasets.length === 0) {
    const [{ table, reason } = undefined!] = planned.leftOut;
    const problem = `has no table in ${place} that can become a dataset. ${table.sql}: ${reason}`;
    throw await nothingToWrite(client, problem);
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

async function nothingToWrite(client: ClientBase, problem: string): Promise<RivuletError> {
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  const others = await findSchemas(client);
  const listed = others.map(({ name, tables }) => `${name} (${counted(tables, 'table')})`).join(', ');
  const nextStep =
    listed === ''
      ? 'Set CENTRAL_DATABASE_URL to the database with your tables.'
      : `The database has tables in ${listed}: specify schemas with --schema.`;
  return new RivuletError('REQUEST_INVALID', `Database ${rows[0]!.name} ${problem}`, { nextStep });
}

/** Never overwrites a file: it may have been edited. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const [message, nextStep] =
      code === 'EEXIST'
        ? [
            'already exists and is not overwritten',
            'Specify a different file with --out, or remove this one.',
          ]
        : [`cannot be written (${code})`, 'Specify a path that can be written.'];
    throw new RivuletError('REQUEST_INVALID', `${path} ${message}.`, { cause: error, nextStep });
  }
}
