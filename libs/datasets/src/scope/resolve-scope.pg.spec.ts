import { RivuletError } from '@rivulet/errors';
import { inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { bindQuery, describeQuery, parseQueryTemplate } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { ScopeDefinition } from '../catalogue/dataset-catalogue';
import { SCOPE_PARAMETERS } from '../catalogue/describe-datasets';
import { resolveScope, type Scope, type ScopeSubject } from './resolve-scope';

const MAC = '48:b0:2d:e9:c3:b7';
const limits = { readOnly: true, statementTimeoutMs: 20_000, lockTimeoutMs: 5_000, idleTimeoutMs: 5_000 };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(`
    CREATE TABLE devices (id bigint, mac_address text, is_active boolean);
    INSERT INTO devices VALUES (1, '${MAC}', true)`);
});

afterAll(() => database.drop());

/** The datasets file's description of a scope query. */
async function defineScope(text: string): Promise<ScopeDefinition> {
  const template = parseQueryTemplate(text);
  const given = SCOPE_PARAMETERS;
  const columns = await withClient(database.pool, (client) => describeQuery(client, template, given));
  return {
    query: { template, placeOf: () => 'datasets.yaml:4:5' },
    columns: new Map(columns.map(({ name, sourceType }) => [name, { type: sourceType, value: null }])),
  };
}

async function resolve(
  scope: ScopeDefinition | string,
  subject: ScopeSubject = { macAddress: MAC },
): Promise<Scope> {
  const definition = typeof scope === 'string' ? await defineScope(scope) : scope;
  return withClient(database.pool, (client) =>
    inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      return resolveScope(client, definition, subject);
    }),
  );
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (error instanceof RivuletError) return `${error.code}: ${error.message}`;
  throw new Error('It was not refused.', { cause: error });
}

const byMac = 'SELECT id AS device_id, is_active FROM devices WHERE mac_address = :mac_address';

describe('the scope of a device', () => {
  it('has its identity as text, and its columns with their types', async () => {
    const scope = await resolve(`${byMac}; -- one row`);
    expect(scope).toEqual({
      deviceId: '1',
      macAddress: MAC,
      parameters: new Map([
        ['device_id', { type: 'bigint', value: '1' }],
        ['is_active', { type: 'boolean', value: 't' }],
      ]),
    });
  });

  it('takes the MAC address as a value, whatever it is', async () => {
    const mac = `' OR true; DROP TABLE devices; --\\`;
    expect(await refusalOf(resolve(byMac, { macAddress: mac }))).toBe(
      `DEVICE_UNKNOWN: No device with the MAC address ${mac} is registered.`,
    );
    expect((await resolve(`SELECT :mac_address AS device_id`, { macAddress: mac })).deviceId).toBe(mac);
  });

  it.each([
    ['a text with a quote and a backslash', String.raw`'it''s \ :id $1'::text`],
    ['an empty text', `''::varchar(3)`],
    ['a NULL', 'NULL::uuid'],
    ['an array of numbers', 'ARRAY[9007199254740993, NULL]'],
    ['an empty array', 'ARRAY[]::uuid[]'],
    ['an array of texts', String.raw`ARRAY['a,b', '"', '\', '', NULL, 'NULL', '{}']`],
    ['a timestamp', `'2026-11-21 08:00:00.000001+05:30'::timestamptz`],
    ['a timestamp without end', `'-infinity'::timestamp`],
    ['an interval', `'-1 year 2 days 03:04:05.000006'::interval`],
    ['a float', '0.1::float8 + 0.2::float8'],
    ['a numeric with its scale', '1.50::numeric(6,3)'],
    ['bytes', String.raw`'\x00ff27'::bytea`],
    ['an enum of an odd name', `'b''c'::"Odd type"`],
    ['a row', 'devices'],
  ])('keeps %s exactly, when a dataset uses it', async (_, expression) => {
    await database.pool.query(`
      DO $$ BEGIN CREATE TYPE "Odd type" AS ENUM ('a', 'b''c'); EXCEPTION WHEN duplicate_object THEN NULL; END $$`);
    const { parameters } = await resolve(
      `SELECT id AS device_id, ${expression} AS value FROM devices WHERE mac_address = :mac_address`,
    );
    const same = bindQuery(
      parseQueryTemplate(
        `SELECT :value IS NOT DISTINCT FROM (${expression}) AS same, pg_typeof(:value) = pg_typeof(${expression}) AS alike,
                :value::text IS NOT DISTINCT FROM (${expression})::text AS printed FROM devices`,
      ),
      parameters,
    );
    const { rows } = await database.pool.query(same);
    expect(rows).toEqual([{ same: true, alike: true, printed: true }]);
  });

  it('may be found by what the registry knows of the device, which is NULL for one that is not in it', async () => {
    const query = `SELECT 7 AS device_id, :device_id AS id, :device_name AS name WHERE :mac_address IS NOT NULL`;
    const definition = await defineScope(query);
    const registered = { macAddress: MAC, deviceId: '01KAJ9V9RW4C7ZK3DYE7V1NB2R', name: "gate '1'" };

    const { parameters } = await resolve(definition, registered);
    expect(parameters.get('id')?.value).toBe(registered.deviceId);
    expect(parameters.get('name')?.value).toBe(registered.name);
    const unregistered = await resolve(definition);
    expect(unregistered.parameters.get('id')?.value).toBeNull();
    expect(unregistered.parameters.get('name')?.value).toBeNull();
  });

  it('is the same text for the same values in every session', async () => {
    const query = `SELECT :mac_address AS device_id, timestamptz '2026-01-01 00:00+00' AS since, 0.1::real AS ratio`;
    const definition = await defineScope(query);
    const first = await resolve(definition);
    const second = await withClient(database.pool, async (client) => {
      await client.query(
        `SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'German'; SET extra_float_digits = -5`,
      );
      const scope = await inTransaction(client, limits, async () => {
        await useCanonicalSettings(client);
        return resolveScope(client, definition, { macAddress: MAC });
      });
      await client.query('RESET ALL');
      return scope;
    });
    expect(second).toEqual(first);
    expect(first.parameters.get('since')).toEqual({
      type: 'timestamp with time zone',
      value: '2026-01-01 00:00:00+00',
    });
  });

  it('has the columns that the query had when it was described, also when the table has more now', async () => {
    await database.pool.query(`CREATE TABLE growing AS SELECT 7 AS device_id, 'x'::text AS site`);
    const definition = await defineScope('SELECT g.* FROM growing g WHERE :mac_address IS NOT NULL');
    await database.pool.query(
      'ALTER TABLE growing DROP COLUMN site, ADD COLUMN other int, ADD COLUMN site text',
    );
    expect([...(await resolve(definition)).parameters.keys()]).toEqual(['device_id', 'site']);
  });
});

describe('a device that gets no scope', () => {
  it('is unknown', async () => {
    expect(await refusalOf(resolve(byMac, { macAddress: '00:00:00:00:00:01' }))).toBe(
      'DEVICE_UNKNOWN: No device with the MAC address 00:00:00:00:00:01 is registered.',
    );
  });

  it.each(['false', 'NULL::boolean'])('is not active: %s', async (isActive) => {
    const query = `SELECT id AS device_id, ${isActive} AS is_active FROM devices WHERE mac_address = :mac_address`;
    expect(await refusalOf(resolve(query))).toBe(
      `DEVICE_INACTIVE: The device with the MAC address ${MAC} is not active.`,
    );
  });

  it('is one of several, of which no more than two are read', async () => {
    const query = 'SELECT generate_series(1, 100000000) AS device_id, :mac_address AS mac';
    expect(await refusalOf(resolve(query))).toBe(
      `SCOPE_AMBIGUOUS: The scope query at datasets.yaml:4:5 returns more than one row for ${MAC}.`,
    );
  });

  it('has no identity', async () => {
    const query = 'SELECT NULL::bigint AS device_id FROM devices WHERE mac_address = :mac_address';
    expect(await refusalOf(resolve(query))).toBe(
      `SCOPE_AMBIGUOUS: The scope query at datasets.yaml:4:5 returns a row for ${MAC} whose device_id is NULL.`,
    );
  });

  it('makes the scope query fail', async () => {
    const query = 'SELECT 1 / (id - 1) AS device_id FROM devices WHERE mac_address = :mac_address';
    expect(await refusalOf(resolve(query))).toBe(
      `DATASET_QUERY_FAILED: The scope query at datasets.yaml:4:5 fails for ${MAC}: division by zero.`,
    );
  });
});
