import { setTimeout as delay } from 'node:timers/promises';
import { createSourcePool } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import { renewConnections } from '@rivulet/postgres';
import { PROTOCOL_VERSION, type DeviceTable, type ManifestTable } from '@rivulet/protocol';
import { createTestDatabase, TcpRelay, type TestDatabase } from '@rivulet/testing';
import type { Pool } from 'pg';
import { ulid } from 'ulid';
import { CentralFixture } from '../../apps/central/test/central-fixture';
import { CentralServices, WrittenFile } from '../../apps/central/test/central-services';
import { definitionBatches, historySeed } from '../support/histories/history-length';
import {
  definitionKinds,
  detachHalf,
  finishDetaching,
  definitionsFile,
  definitionsSchema,
  endingContract,
  RandomChanges,
  type Roles,
} from '../support/histories/random-definitions';
import { macAddress, Randomness } from '../support/histories/random-source';
import { SourceTruth } from '../support/histories/source-truth';

jest.setTimeout(60_000 + definitionBatches * 1_000);

/** A tenth or less of what the apps have. */
const silence = { tickMs: 25, askAfterMs: 100, askAgainAfterMs: 100, waitingForUsMs: 2_000, marginMs: 300 };

/** What a device comes again after. */
const PASSING = new Set([
  'SERVER_BUSY',
  'SOURCE_UNAVAILABLE',
  'DATABASE_UNAVAILABLE',
  'DATABASE_INTERRUPTED',
]);
const ATTEMPTS = 20;

let fixture: CentralFixture;
let database: TestDatabase;
let relay: TcpRelay;
let source: Pool;
let direct: Pool;
let roles: Roles;
let central: CentralServices;
const file = new WrittenFile(definitionsFile);

/** What the device has. */
let held: DeviceTable[] = [];

beforeAll(async () => {
  fixture = await CentralFixture.create();
  database = await createTestDatabase();
  const name = new URL(database.url).pathname.slice(6);
  roles = { reader: `reader_${name}`, owner: `owner_${name}`, group: `group_${name}` };
  await database.pool.query(definitionsSchema(roles));
  const url = new URL(database.url);
  url.searchParams.set('options', `-c role=${roles.reader}`);
  relay = await TcpRelay.start(url.href);
  const settings = { applicationName: 'test', maxConnections: 4 };
  source = createSourcePool({ ...settings, url: relay.through(url.href), silence });
  direct = createSourcePool({ ...settings, url: url.href });
  central = await CentralServices.load(fixture, file, { pollIntervalMs: 0 }, source);
});

afterAll(async () => {
  file.remove();
  await Promise.all([source.end(), direct.end()]);
  await relay.stop();
  const { reader, owner, group } = roles;
  await database.pool.query(
    `DROP OWNED BY ${reader}, ${owner}, ${group} CASCADE; DROP ROLE ${reader}, ${owner}, ${group}`,
  );
  await database.drop();
  await fixture.close();
});

/** By a superuser, in one transaction. @returns why PostgreSQL refused it */
async function run(statements: string[]): Promise<string | undefined> {
  const client = await database.pool.connect();
  try {
    await client.query(`BEGIN; SET LOCAL search_path = public; ${statements.join('; ')}; COMMIT`);
    return undefined;
  } catch (error) {
    await client.query('ROLLBACK');
    return String(error);
  } finally {
    client.release();
  }
}

/** What central answers the device, which comes again when it is told to. Undefined: it gets nothing. */
async function answer(): Promise<Record<string, string> | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await askOnce();
    } catch (error) {
      if (!(error instanceof RivuletError)) throw error;
      if (!PASSING.has(error.code)) return undefined;
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function askOnce(): Promise<Record<string, string>> {
  const asked = { protocolVersion: PROTOCOL_VERSION, nonce: 'a'.repeat(16), tables: held };
  const response = await central.requests.answer(ulid(), { macAddress }, asked);
  if (response.status === 'update') {
    const [, payload] = response.manifest.split('.');
    const { tables } = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as {
      tables: ManifestTable[];
    };
    held = tables.map(({ name, fingerprint, checksum }) => ({ name, fingerprint, checksum }));
  }
  return Object.fromEntries(held.map(({ name, checksum }) => [name, checksum]));
}

/** What central does every few seconds; again at once when its connection was lost. */
async function look(): Promise<void> {
  do await central.watch.reconcile();
  while (central.watch.lastLook!.failure !== undefined);
}

const HALF_DETACHED = 'a partition is half detached';
const DETACHED = 'that is finished';
const ENDED = 'a contract is over';
const SILENT = 'connections are silent';

/** From so many batches on, all of these have happened. */
const BATCHES_OF_ALL = 500;

/** Things that happen without a write while the device waits. */
async function happen(random: Randomness): Promise<string[]> {
  const happened: string[] = [];
  if (await finishDetaching(database.pool)) happened.push(DETACHED);
  else if (random.below(30) === 0) {
    await detachHalf(database.pool);
    happened.push(HALF_DETACHED);
  }
  if (random.below(12) === 0) {
    await run([endingContract(random)]);
    await answer();
    await delay(80);
    happened.push(ENDED);
  }
  if (random.below(40) === 0) {
    relay.silence();
    happened.push(SILENT);
  }
  return happened;
}

it(`after ${definitionBatches} batches of writes and definitions central has answered as the source does`, async () => {
  const random = new Randomness(historySeed);
  const history = new RandomChanges(random, roles);
  const seen = new Set<string>();
  const truth = new SourceTruth(file.path, direct, macAddress);
  await truth.describe();
  let isForbidden = false;
  let answers = 0;
  for (let batch = 1; batch <= definitionBatches; batch++) {
    const changes = history.next();
    const refusal = await run([
      `GRANT SELECT ON guarded TO ${roles.reader}`,
      ...changes.map(({ sql }) => sql),
    ]);
    for (const { name } of refusal === undefined ? changes : []) seen.add(name);
    const happened = await happen(random);
    for (const name of happened) seen.add(name);
    const isDetaching = happened.includes(HALF_DETACHED) || happened.includes(DETACHED);
    if (isForbidden || isDetaching || changes.some(({ isDefinition }) => isDefinition)) {
      await look();
      renewConnections(direct);
      await truth.describe();
    }
    const told = [...changes.map(({ name }) => name), ...happened, refusal ?? 'committed'];
    const story = `seed ${historySeed}, batch ${batch}: ${told.join(', ')}`;

    const answered = await answer();
    const wanted = await truth.checksums();
    isForbidden = refusal === undefined && changes.some(({ name }) => name === 'a right');
    expect({ story, answered, isAnswered: wanted !== undefined }).toEqual({
      story,
      answered: wanted,
      isAnswered: !isForbidden,
    });
    if (wanted !== undefined) answers++;
  }
  expect(answers).toBeGreaterThan(definitionBatches * 0.9);
  const others = definitionBatches < BATCHES_OF_ALL ? [] : [HALF_DETACHED, DETACHED, ENDED, SILENT];
  expect([...definitionKinds, ...others].filter((kind) => !seen.has(kind))).toEqual([]);
});
