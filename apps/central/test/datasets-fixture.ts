import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { PROTOCOL_VERSION, type ManifestTable, type SyncRequest } from '@rivulet/protocol';
import { ulid } from 'ulid';
import { CentralFixture } from './central-fixture';
import { CentralServices, WrittenFile, type CentralSettings } from './central-services';

const MAC = '48:b0:2d:e9:c3:b7';

export const users = '{ name: users, key: [id], query: "SELECT id, name FROM users WHERE site = :site" }';
export const sites = '{ name: sites, key: [id], query: SELECT id FROM sites }';

/** A datasets file with these datasets, which begin at line 5. */
export function fileOf(...datasets: string[]): string {
  return `version: 1
scope:
  query: SELECT id AS device_id, site FROM public.devices WHERE mac_address = :mac_address
datasets:
${datasets.map((dataset) => `  - ${dataset}\n`).join('')}`;
}

/** The answer that a device gets. */
export interface SentManifest {
  schemaVersion: string;
  tables: ManifestTable[];
}

/** A central, its source with a few rows, and a datasets file that may be written again. */
export class DatasetsFixture {
  /** The lines logged at ERROR. */
  readonly errors: string[] = [];
  file = new WrittenFile(fileOf(users));

  private constructor(private readonly central: CentralFixture) {}

  static async create(): Promise<DatasetsFixture> {
    const fixture = new DatasetsFixture(await CentralFixture.create({ storeConnections: 8 }));
    Logger.overrideLogger({
      log: () => undefined,
      warn: () => undefined,
      error: (_fields: object, message: string) => void fixture.errors.push(fixture.shortened(message)),
    });
    await fixture.query(`
      CREATE TABLE public.devices (id int PRIMARY KEY, site int, mac_address text);
      INSERT INTO public.devices VALUES (1, 1, '${MAC}');
      CREATE TABLE users (id int PRIMARY KEY, site int, name varchar(10)); INSERT INTO users VALUES (1, 1, 'a');
      CREATE TABLE sites (id int); INSERT INTO sites VALUES (1), (2)`);
    return fixture;
  }

  async close(): Promise<void> {
    Logger.overrideLogger(false);
    this.file.remove();
    await this.central.close();
  }

  get pool(): CentralFixture['database']['pool'] {
    return this.central.database.pool;
  }

  async query(text: string): Promise<void> {
    await this.pool.query(text);
  }

  async start(settings: CentralSettings = {}): Promise<CentralServices> {
    return CentralServices.load(this.central, this.file, settings);
  }

  /** A text without the folder of the file. */
  shortened(text: string): string {
    return text.replaceAll(this.file.path, 'datasets.yaml');
  }

  async untilActive(pattern: string): Promise<void> {
    const running = `SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()`;
    while ((await this.pool.query(running, [pattern])).rowCount === 0) await delay(10);
  }
}

/** The manifest of a device that has nothing. */
export async function sync(central: CentralServices): Promise<SentManifest> {
  const request: SyncRequest = { protocolVersion: PROTOCOL_VERSION, nonce: 'a'.repeat(16), tables: [] };
  const response = await central.requests.answer(ulid(), { macAddress: MAC }, request);
  if (response.status !== 'update') throw new Error('There is no manifest.');
  const [, payload] = response.manifest.split('.');
  return JSON.parse(Buffer.from(payload!, 'base64url').toString()) as SentManifest;
}

export async function rowsOf(central: CentralServices): Promise<Record<string, number>> {
  const { tables } = await sync(central);
  return Object.fromEntries(tables.map(({ name, rows }) => [name, rows]));
}

export async function refusalOf(work: Promise<unknown>): Promise<RivuletError> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (error instanceof RivuletError) return error;
  throw new Error('It was not refused.', { cause: error });
}
