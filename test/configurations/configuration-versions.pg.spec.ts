import { configurationDigest, readConfigurationStatement, statementTypes } from '@rivulet/protocol';
import { openStatement } from '@rivulet/signatures';
import { CurrentConfigurations } from '../../apps/central/src/configurations/current/current-configurations';
import { CentralInProcess } from '../support/apps/central-in-process';
import { registerAgent, type TestAgent } from '../support/clients/config-agent';

interface Version {
  version: number;
  sha256: string;
  data: unknown;
}

let central: CentralInProcess;
let agent: TestAgent;
let names = 0;
let name: string;

beforeAll(async () => {
  central = await CentralInProcess.start();
  agent = await registerAgent(central);
  await central.call('PATCH', `/api/devices/${agent.id}`, { labels: { site: 'SFO' } });
});
afterAll(() => central.stop());
beforeEach(() => (name = `test-${names++}`));

const path = (rest = ''): string => `/api/configurations/${name}${rest}`;

async function add(body: object): Promise<Version> {
  const [status, version] = await central.call<Version>('POST', path('/versions'), body);
  expect([status, version]).toMatchObject([201, {}]);
  return version;
}

describe('the versions of a configuration', () => {
  it('are numbered, keep who, why and when, and never change', async () => {
    const first = await add({ data: { url: 'http://one' }, comment: 'first' });
    const second = await add({ data: { url: 'http://two' } });
    expect([first.version, second.version]).toEqual([1, 2]);

    const [, history] = await central.call('GET', path('/versions'));
    expect(history).toMatchObject([
      { version: 2, comment: null },
      { version: 1, comment: 'first', author: expect.any(String), createdAt: expect.any(String) },
    ]);
    expect(await central.call('GET', path('/versions/1'))).toEqual([200, first]);
    expect(await central.call('GET', path())).toMatchObject([200, { latestVersion: 2, releasedVersion: 2 }]);
  });

  it('come back as new ones, with the same content', async () => {
    const first = await add({ data: { a: 1 }, overlays: [{ label: 'site:SFO', data: { a: 2 } }] });
    await add({ data: { a: 3 }, overlays: [] });

    const [status, restored] = await central.call<Version>('POST', path('/versions/1/restore'));

    expect([status, restored]).toMatchObject([
      201,
      { version: 3, sha256: first.sha256, restoredFrom: 1, comment: 'Version 1 again' },
    ]);
    expect(await central.call('GET', path('/diff?from=2&to=3'))).toMatchObject([
      200,
      {
        data: [{ path: '/a', kind: 'changed', from: 3, to: 1 }],
        overlays: [{ path: '/label site:SFO', kind: 'added', to: { a: 2 } }],
        targets: [],
      },
    ]);
  });

  it('get numbers without gaps or repetitions when many are added at once', async () => {
    const added = await Promise.all(Array.from({ length: 20 }, (_, n) => add({ data: { n } })));
    expect(added.map(({ version }) => version).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
  });

  it('are refused where somebody else was faster', async () => {
    await add({ data: {} });
    const [status, problem] = await central.call('POST', path('/versions'), { data: {}, expectedVersion: 0 });
    expect([status, problem]).toMatchObject([409, { code: 'CONFIGURATION_CONFLICT' }]);
  });

  it('are refused where they do not fit the schema, also by way of an overlay or a restored version', async () => {
    await add({ data: { url: 1 } });
    await add({ data: { url: 'x' } });
    const schema = { type: 'object', properties: { url: { type: 'string' } } };
    expect(await central.call('PUT', path(), { schema })).toMatchObject([200, { schema }]);

    const invalid = [422, { code: 'CONFIGURATION_INVALID' }];
    expect(await central.call('POST', path('/versions'), { data: { url: 2 } })).toMatchObject(invalid);
    const overlays = [{ label: 'site:SFO', data: { url: 3 } }];
    expect(await central.call('POST', path('/versions'), { data: {}, overlays })).toMatchObject(invalid);
    expect(await central.call('POST', path('/preview'), { data: {}, overlays })).toMatchObject(invalid);
    expect(await central.call('POST', path('/versions/1/restore'))).toMatchObject(invalid);
    const stricter = { type: 'object', required: ['other'] };
    expect(await central.call('PUT', path(), { schema: stricter })).toMatchObject(invalid);
  });

  it.each([
    ['without data', {}, 400, 'REQUEST_INVALID'],
    ['with an overlay for nobody', { data: {}, overlays: [{ data: {} }] }, 400, 'REQUEST_INVALID'],
    [
      'with two overlays for one label',
      {
        data: {},
        overlays: [
          { label: 'a:b', data: 1 },
          { label: 'a:b', data: 2 },
        ],
      },
      400,
      'REQUEST_INVALID',
    ],
    ['with an interval below 30 s', { data: {}, pollIntervalSeconds: 29 }, 400, 'REQUEST_INVALID'],
    ['with a secret', { data: { password: 'hunter2' } }, 422, 'CONFIGURATION_SECRET'],
    [
      'with a secret in an overlay',
      { data: {}, overlays: [{ label: 'a:b', data: { api_key: 'x' } }] },
      422,
      'CONFIGURATION_SECRET',
    ],
    ['of more than 256 KiB', { data: 'x'.repeat(257 * 1024) }, 413, 'CONFIGURATION_TOO_LARGE'],
    ['nested too deep', { data: deep(26) }, 413, 'CONFIGURATION_TOO_LARGE'],
  ])('%s are refused', async (_, body, status, code) => {
    expect(await central.call('POST', path('/versions'), body)).toMatchObject([status, { code }]);
    expect(await central.call('GET', path())).toMatchObject([404, { code: 'CONFIGURATION_UNKNOWN' }]);
  });
});

function deep(levels: number): object {
  return levels === 0 ? {} : { a: deep(levels - 1) };
}

describe('a device', () => {
  it('gets the fleet, its labels and itself merged, and an operator sees where each value comes from', async () => {
    await add({
      data: { url: 'fleet', retries: 1, keep: true },
      overlays: [
        { device: agent.id, data: { retries: 3 } },
        { label: 'site:SFO', data: { url: 'sfo', retries: 2 } },
        { label: 'site:JFK', data: { url: 'jfk' } },
      ],
    });

    const data = { url: 'sfo', retries: 3, keep: true };
    expect(await central.call('GET', path(`/effective?device=${agent.id}`))).toMatchObject([
      200,
      {
        version: 1,
        data,
        sha256: configurationDigest(data),
        origins: { '/url': 'label site:SFO', '/retries': `device ${agent.id}`, '/keep': 'fleet' },
      },
    ]);
    const answer = await agent.get(`/api/v1/config?name=${name}`);
    expect(answer.body).toMatchObject({ version: 1, data });
    expect(answer.headers.get('etag')).toMatch(/^"1-[0-9a-f]{12}"$/);
  });

  it('that is no target has no configuration', async () => {
    await add({ data: { a: 1 }, targets: { labels: ['site:JFK'], devices: [] } });
    const { status, body } = await agent.get(`/api/v1/config?name=${name}`);
    expect([status, body]).toMatchObject([404, { code: 'CONFIGURATION_UNKNOWN' }]);
    await add({ data: { a: 1 }, targets: { labels: [], devices: [agent.id] } });
    expect((await agent.get(`/api/v1/config?name=${name}`)).status).toBe(200);
  });

  it('gets a statement that central has signed, with a sequence that rises with the content', async () => {
    const read = async () => {
      const { body } = await agent.get(`/api/v1/config?name=${name}`);
      const { json } = await openStatement(
        (body as { statement: string }).statement,
        statementTypes.configuration,
      );
      return readConfigurationStatement(json);
    };
    await add({ data: { a: 1 } });
    const first = await read();
    expect(first).toMatchObject({ name, deviceId: agent.id, version: 1, epoch: 1, data: { a: 1 } });
    expect((await read()).sequence).toBe(first.sequence);
    await add({ data: { a: 2 } });
    const second = await read();
    expect(second.sequence).toBeGreaterThan(first.sequence);
    await central.call('POST', path('/versions/1/restore'));
    const third = await read();
    expect(third).toMatchObject({ version: 3, sha256: first.sha256 });
    expect(third.sequence).toBeGreaterThan(second.sequence);
  });

  it('is told 304 while nothing has changed, and of other data when its labels change', async () => {
    const config = `/api/v1/config?name=${name}`;
    await add({ data: { a: 1 }, overlays: [{ label: 'line:2', data: { a: 2 } }] });
    const first = await agent.get(config);
    expect(first.headers.get('etag')).toBe('"1"');
    for (const held of ['"1"', 'W/"1"', '"0", "1"', '*'])
      expect(await agent.get(config, { 'if-none-match': held })).toMatchObject({
        status: 304,
        body: undefined,
      });
    await central.call('PATCH', `/api/devices/${agent.id}`, { labels: { site: 'SFO', line: '2' } });
    const second = await agent.get(config, { 'if-none-match': '"1"' });
    expect([second.status, second.body]).toMatchObject([200, { version: 1, data: { a: 2 } }]);
    await central.call('PATCH', `/api/devices/${agent.id}`, { labels: { site: 'SFO' } });
  });

  it('away for many versions gets the newest in one step', async () => {
    for (const n of [1, 2, 3, 4, 5]) await add({ data: { n } });
    const { body } = await agent.get(`/api/v1/config?name=${name}`, { 'if-none-match': '"1"' });
    expect(body).toMatchObject({ version: 5, data: { n: 5 } });
  });

  it('reports what has become of a version; a report that comes too late changes nothing', async () => {
    await add({ data: {} });
    const report = (body: object) => agent.post('/api/v1/config/status', { name, version: 1, ...body });
    const sha256 = configurationDigest({});
    const inForce = { in_force_version: 1, in_force_sha256: sha256 };
    expect(await report({ sequence: 7, status: 'APPLYING' })).toMatchObject({ body: { accepted: true } });
    expect(await report({ sequence: 7, status: 'APPLIED', ...inForce })).toMatchObject({ status: 200 });
    expect(await report({ sequence: 6, status: 'FAILED' })).toMatchObject({ body: { accepted: false } });
    expect(await central.call('GET', path('/devices'))).toMatchObject([
      200,
      [
        {
          deviceId: agent.id,
          status: 'APPLIED',
          reportedVersion: 1,
          inForceVersion: 1,
          inForceSha256: sha256,
          appliedAt: expect.any(String),
        },
      ],
    ]);
    expect(await report({ sequence: 8, status: 'FAILED', reason: 'no worker' })).toMatchObject({
      status: 200,
    });
    expect(await central.call('GET', path('/devices?status=FAILED'))).toMatchObject([
      200,
      [{ reason: 'no worker', appliedAt: null, inForceVersion: 1 }],
    ]);
  });

  it.each(['/api/v1/config', '/api/v1/config/version', '/config/agent', '/config/version'])(
    'must say who it is to read %s',
    async (route) => {
      expect(await central.call('GET', route)).toMatchObject([401, { code: 'DEVICE_UNIDENTIFIED' }]);
      const someone = { authorization: `Bearer rvt_${'x'.repeat(43)}` };
      expect(await central.call('GET', route, undefined, someone)).toMatchObject([401, {}]);
    },
  );
});

it('a preview says who would get what, and changes nothing', async () => {
  await add({ data: { a: 1 } });
  const [status, preview] = await central.call('POST', path('/preview'), {
    data: { a: 1 },
    overlays: [{ device: agent.id, data: { a: 2 } }],
  });
  expect([status, preview]).toMatchObject([200, { changed: 1 }]);
  const { devices } = preview as unknown as { devices: { deviceId: string }[] };
  expect(devices.find(({ deviceId }) => deviceId === agent.id)).toMatchObject({
    changes: true,
    sha256: configurationDigest({ a: 2 }),
    overlays: [`device ${agent.id}`],
  });
  expect(await central.call('GET', path())).toMatchObject([200, { latestVersion: 1 }]);
});

it('after a restore of central a tag from before it is no longer current, although the number is the same', async () => {
  const config = `/api/v1/config?name=${name}`;
  await add({ data: { life: 1 } });
  expect(await agent.get(config, { 'if-none-match': '"1"' })).toMatchObject({ status: 304 });
  await central.database.pool.query('UPDATE rivulet.central_state SET epoch = epoch + 1');
  await central.get(CurrentConfigurations).lookInBackground();
  const { status, headers } = await agent.get(config, { 'if-none-match': '"1"' });
  expect([status, headers.get('etag')]).toEqual([200, '"1-e2"']);
  expect(await agent.get(config, { 'if-none-match': '"1-e2"' })).toMatchObject({ status: 304 });
});
