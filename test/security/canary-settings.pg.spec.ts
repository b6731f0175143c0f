import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { loadEnvironment, variablesOf, type EnvClass } from '@rivulet/platform';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { CentralModule } from '../../apps/central/src/central.module';
import { EdgeModule } from '../../apps/edge/src/edge.module';
import { WorkerModule } from '../../apps/worker/src/worker.module';
import { startAppInProcess, type AppInProcess } from '../support/apps/apps-in-process';
import { Canaries, findCanaries, poolOf } from '../support/attacks/canary';
import { CertificateFiles, TestAuthority } from '../support/attacks/certificates';
import { asAdmin } from '../support/clients/operator';

const datasets = `
version: 1
scope:
  query: SELECT id AS device_id FROM public.devices WHERE mac_address = :mac_address
datasets:
  - { name: things, key: [id], query: 'SELECT id FROM public.things' }
`;

const canaries = new Canaries();
/** All that anybody could read. */
const written: [where: string, text: string][] = [];
const roles: string[] = [];

let files: CertificateFiles;
let server: TestDatabase;
let central: AppInProcess;
let edge: AppInProcess;

/** A user of the database server with a password that must not be told. */
async function loginFor(what: string): Promise<(url: string) => string> {
  const { secret } = canaries.make(`the password of ${what}`);
  const role = `canary_${secret.slice(-12)}`;
  roles.push(role);
  await server.pool.query(
    `CREATE ROLE ${escapeIdentifier(role)} SUPERUSER LOGIN PASSWORD ${escapeLiteral(secret)}`,
  );
  return (url) => Object.assign(new URL(url), { username: role, password: secret }).href;
}

/** The middle of a key in PEM. */
function keep(what: string, pem: string): string {
  const lines = pem.trim().split('\n').slice(1, -1).join('');
  canaries.keep(what, lines.slice(40, 80));
  return pem;
}

beforeAll(async () => {
  files = new CertificateFiles();
  server = await createTestDatabase();
  await server.pool.query(
    'CREATE TABLE devices (id text, mac_address text); CREATE TABLE things (id int PRIMARY KEY)',
  );
  const authority = await TestAuthority.create('clients');
  const [ofCentral, ofEdge] = [await authority.issueForServer(), await authority.issue({})];
  const source = await loginFor("the source's database");
  const busPassword = canaries.make('the password of the bus').secret;
  const busToken = canaries.make('the token of the bus of the edge').secret;
  central = await startAppInProcess(
    'central',
    {
      CENTRAL_DEMO_DATA: 'false',
      CENTRAL_DATASETS_FILE: files.write('datasets.yaml', datasets),
      CENTRAL_DEVICE_AUTH: 'key',
      CENTRAL_SOURCE_DATABASE_URL: source(server.url),
      CENTRAL_BUS_URL: `nats://rivulet:${busPassword}@127.0.0.1:9`,
      CENTRAL_TLS_CERT_FILE: files.write('central.pem', ofCentral.cert),
      CENTRAL_TLS_KEY_FILE: files.write('central.key', keep('the TLS key of central', ofCentral.key)),
    },
    (line) => written.push(["central's log", line]),
    await loginFor("central's own database"),
  );
  edge = await startAppInProcess(
    'edge',
    {
      EDGE_COLLECT_DATABASE_URL: (await loginFor('the collected database'))(server.url),
      EDGE_CENTRAL_URL: 'https://127.0.0.1:9',
      EDGE_BUS_URL: `nats://${busToken}@127.0.0.1:9`,
      EDGE_TLS_CERT_FILE: files.write('edge.pem', ofEdge.cert),
      EDGE_TLS_KEY_FILE: files.write('edge.key', keep('the TLS key of the edge', ofEdge.key)),
    },
    (line) => written.push(["the edge's log", line]),
    await loginFor("the edge's database"),
  );
});
afterAll(async () => {
  await edge?.stop();
  await central?.stop();
  for (const role of roles)
    await server.pool.query(
      `DROP OWNED BY ${escapeIdentifier(role)} CASCADE; DROP ROLE ${escapeIdentifier(role)}`,
    );
  await server?.drop();
  files?.remove();
});

async function read({ app }: AppInProcess, paths: string[]): Promise<void> {
  for (const path of paths) {
    const [method, url] = path.split(' ') as ['GET' | 'POST', string];
    const { body, headers } = await app.inject({ method, url, headers: asAdmin });
    written.push([path, JSON.stringify(headers) + body]);
  }
}

async function readAll(): Promise<void> {
  const open = ['GET /health', 'GET /metrics', 'GET /api/docs-json'];
  await read(central, [...open, 'GET /api/audit', 'GET /api/operators/datasets', 'GET /api/fleet/summary']);
  await read(central, ['POST /api/operators/datasets/reload', 'GET /api/operators/signing-keys']);
  await read(edge, [...open, 'GET /api/sync/status', 'GET /api/sync/history']);
}

it('what central keeps to sign with is told by nothing that it answers or logs', async () => {
  const { rows } = await poolOf(central.app).query<{ d: string; secret: string }>(
    `SELECT private_jwk->>'d' AS d, encode(secret, 'base64') AS secret FROM rivulet.signing_keys, rivulet.user_token_keys`,
  );
  canaries.keep('the key of central', rows[0]!.d);
  canaries.keep('what signs the tokens of operators', rows[0]!.secret);
  await readAll();
  await read(central, ['POST /api/operators/signing-keys/rotate']);
  const { rows: kept } = await poolOf(central.app).query<{ d: string | null }>(
    `SELECT private_jwk->>'d' AS d FROM rivulet.signing_keys WHERE retired_at IS NOT NULL`,
  );
  expect(kept).toEqual([{ d: null }]);
});

it('passwords and keys of settings are told by nothing, also when they are refused', async () => {
  for (const role of roles)
    await server.pool.query(`ALTER ROLE ${escapeIdentifier(role)} PASSWORD 'another'`);
  await server.pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY ($1)', [
    roles,
  ]);
  await read(edge, ['POST /api/sync/now']);
  await readAll();
  expect(written.some(([where, text]) => where === "central's log" && /password auth/.test(text))).toBe(true);
  for (const role of roles) await server.pool.query(`ALTER ROLE ${escapeIdentifier(role)} NOLOGIN`);
  await readAll();
  expect(findCanaries(canaries.all, written)).toEqual([]);
  expect(canaries.all.length).toBeGreaterThan(9);
});

const sections: [string, readonly EnvClass[]][] = [
  ['central', CentralModule.environment],
  ['edge', EdgeModule.environment],
  ['worker', WorkerModule.environment],
];

it.each(sections)('no setting of %s is shown when it is wrong, where it may hold a secret', (_, classes) => {
  const { secret } = canaries.make('a wrong setting');
  const known = classes.flatMap((section) => variablesOf(section));
  const urls = known.filter((variable) => variable.secret || /_URLS?$/.test(variable.variable));
  const wrong: [string, typeof known][] = [
    [`http://u:${secret}@h:x/`, urls],
    [`postgresql://u:${secret}@`, urls],
    [`\u0001 ${secret} nats//`, known.filter((variable) => variable.secret)],
  ];
  for (const [text, variables] of wrong) {
    const source = Object.fromEntries(variables.map(({ variable }) => [variable, text]));
    const refused = refusalOf(() => loadEnvironment(classes, source));
    written.push([`what is said of ${variables.length} settings`, refused]);
  }
  expect(urls.length).toBeGreaterThan(0);
  expect(findCanaries(canaries.all, written)).toEqual([]);
});

function refusalOf(start: () => unknown): string {
  try {
    start();
    return '';
  } catch (error) {
    return String(error) + JSON.stringify(error);
  }
}
