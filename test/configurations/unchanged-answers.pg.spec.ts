import { DrainState } from '@rivulet/platform';
import { DeliverConfiguration } from '../../apps/central/src/configurations/delivery/deliver-configuration';
import { DeviceDirectory } from '../../apps/central/src/devices/registry/device-directory';
import { CentralInProcess } from '../support/apps/central-in-process';
import { asAdmin } from '../support/clients/operator';
import { registerAgent, type AgentAnswer, type TestAgent } from '../support/clients/config-agent';

const PATH = '/api/v1/config';
/** Says the same, and goes the way of every other request. */
const USUAL = `${PATH}?name=default`;
const PER_MINUTE = 12;

let central: CentralInProcess;
let agent: TestAgent;
let etag: string;
let usual: jest.SpyInstance;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_RATE_LIMIT_DEVICE: String(PER_MINUTE) });
  await central.call('POST', PATH, { url: 'http://one' }, asAdmin);
});
afterAll(() => central.stop());

beforeEach(async () => {
  // Until central has asked what changes, it remembers nothing.
  await central.get(DeviceDirectory).poll();
  agent = await registerAgent(central);
  etag = (await agent.get(PATH)).headers.get('etag')!;
  usual = jest.spyOn(central.get(DeliverConfiguration), 'send');
});
afterEach(() => jest.restoreAllMocks());

const ask = (path = PATH, headers: Record<string, string> = {}): Promise<AgentAnswer> =>
  agent.get(path, { 'if-none-match': etag, ...headers });

/** Without what is of one answer alone. */
function headersOf({ headers }: AgentAnswer): Record<string, string> {
  const { date: _date, 'x-request-id': id, ...others } = Object.fromEntries(headers);
  expect(id).toMatch(/^[0-9A-Z]{26}$/);
  return others;
}

async function metric(name: string): Promise<number> {
  const line = (await central.text('/metrics')).split('\n').find((one) => one.startsWith(name));
  return Number(line?.split(' ').at(-1) ?? 0);
}

it('an agent that has its configuration is answered from memory as the usual way answers, and counted', async () => {
  const counters = [
    `http_request_duration_seconds_count{method="GET",route="${PATH}",status="304"}`,
    'rivulet_central_configuration_answers_total{outcome="unchanged"}',
  ];
  const read = (): Promise<number[]> => Promise.all(counters.map(metric));
  const before = await read();
  const quick = await ask();
  expect(usual).not.toHaveBeenCalled();
  const other = await ask(USUAL);
  expect(usual).toHaveBeenCalledTimes(1);

  expect([quick.status, quick.body, headersOf(quick)]).toEqual([304, undefined, headersOf(other)]);
  expect(await read()).toEqual(before.map((count) => count + 2));
  const named = await ask(PATH, { 'x-request-id': 'mine' });
  expect(named.headers.get('x-request-id')).toBe('mine');
  expect(quick.headers.get('etag')).toBe(etag);
  expect((await ask('/config/agent')).status).toBe(304);
  expect(usual).toHaveBeenCalledTimes(1);
});

it.each([
  ['another version', { 'if-none-match': '"0"' }, 200],
  ['none', { 'if-none-match': '' }, 200],
  ['a token of nobody', { authorization: 'Bearer rvt_x' }, 401],
  ['an encoding of its body', { 'content-encoding': 'gzip' }, 415],
])('an agent with %s is answered the usual way', async (_, headers, status) => {
  await ask();
  expect(await ask(PATH, headers)).toMatchObject({ status });
});

it('what is new, and what an operator does, counts at once', async () => {
  expect((await ask()).status).toBe(304);
  await central.call('POST', '/api/configurations/default/versions', { data: { url: 'http://two' } });
  const answer = await ask();
  expect(answer).toMatchObject({ status: 200, body: { data: { url: 'http://two' } } });
  etag = answer.headers.get('etag')!;
  expect((await ask()).status).toBe(304);
  await central.call('POST', `/api/devices/${agent.id}/revoke`, { reason: 'a test' });
  expect(await ask()).toMatchObject({ status: 403, body: { code: 'DEVICE_REVOKED' } });
});

it('an agent that asks too often is refused', async () => {
  const statuses: number[] = [];
  for (let call = 0; call < PER_MINUTE; call++) statuses.push((await ask()).status);
  // One call of the minute was the first.
  expect(statuses).toEqual([...Array.from({ length: PER_MINUTE - 1 }, () => 304), 429]);
  expect(await ask()).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
});

it('a central that is about to stop ends the connection with its answer', async () => {
  expect((await ask()).headers.get('connection')).toBe('keep-alive');
  central.get(DrainState).startDraining();
  const answer = await ask();
  expect([answer.status, answer.headers.get('connection')]).toEqual([304, 'close']);
});
