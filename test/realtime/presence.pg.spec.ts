import { RealtimeClient } from '@rivulet/realtime-client';
import { CentralInProcess } from '../support/apps/central-in-process';
import { asAdmin } from '../support/clients/operator';
import { RealtimeCentral } from '../support/apps/realtime-central';
import { realtimeToken, realtimeVariables } from '../support/clients/realtime-tokens';

const rules = `
version: 1
topics:
  - { topic: 'rooms.*', subscribe: any, publish: any, presence: { role: member } }
  - { topic: plain, subscribe: any }
`;

let first: RealtimeCentral;
let second: CentralInProcess;
const clients: RealtimeClient[] = [];

beforeAll(async () => {
  first = await RealtimeCentral.start(rules);
  second = await CentralInProcess.join(first.central, {
    ...realtimeVariables,
    CENTRAL_REALTIME_FILE: first.file.path,
  });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await first.closeSockets();
  await second.stop();
  await first.stop();
});

function connect(central: CentralInProcess, userId: string): RealtimeClient {
  const client = new RealtimeClient({
    url: `${central.url.replace('http', 'ws')}/ws/sync`,
    token: () => realtimeToken(userId, { role: 'member' }),
  });
  clients.push(client);
  return client;
}

/** The users that one client is told of. */
function follow(
  central: CentralInProcess,
  userId: string,
): { users: string[]; until: (count: number) => Promise<void> } {
  const waiting: { count: number; done: () => void }[] = [];
  const followed = {
    users: [] as string[],
    until: (count: number): Promise<void> =>
      new Promise((done) => (followed.users.length === count ? done() : waiting.push({ count, done }))),
  };
  connect(central, userId).subscribe('rooms.1', {
    onMessage: () => undefined,
    onPresence: (users) => {
      followed.users = users.toSorted();
      for (const { count, done } of waiting) if (users.length === count) done();
    },
  });
  return followed;
}

it('tells subscribers of every process who is there, and a server asks by REST', async () => {
  const ann = follow(first.central, 'ann');
  await ann.until(1);
  const bob = follow(second, 'bob');
  await Promise.all([ann.until(2), bob.until(2)]);
  expect([ann.users, bob.users]).toEqual([
    ['ann', 'bob'],
    ['ann', 'bob'],
  ]);
  for (const central of [first.central, second]) {
    const [status, body] = await central.call('GET', '/api/sync/presence?topic=rooms.1', undefined, asAdmin);
    expect([status, body]).toMatchObject([
      200,
      {
        topic: 'rooms.1',
        count: 2,
        complete: true,
        users: expect.arrayContaining([
          { user_id: 'bob', connections: 1, since: expect.any(Number) as number },
        ]) as unknown[],
      },
    ]);
  }
  // A client is told some seconds later, as one that comes back at once has not left.
  clients[1]!.close();
  let count = 2;
  while (count !== 1)
    [, { count }] = await first.central.call<{ count: number }>(
      'GET',
      '/api/sync/presence?topic=rooms.1',
      undefined,
      asAdmin,
    );
});

it.each([
  ['a pattern', 'rooms.*', 400, 'REQUEST_INVALID'],
  ['nothing', '', 400, 'REQUEST_INVALID'],
  ['a topic without presence', 'plain', 403, 'TOPIC_FORBIDDEN'],
  ['a topic that is not there', 'nowhere', 403, 'TOPIC_FORBIDDEN'],
])('refuses to show the subscribers of %s', async (_, topic, status, code) => {
  const answer = await first.central.call('GET', `/api/sync/presence?topic=${topic}`, undefined, asAdmin);
  expect(answer).toMatchObject([status, { code }]);
});

it('refuses a client whom the rule does not name, and says nothing to it', async () => {
  const guest = await first.connectAs('guest', { role: 'guest' });
  guest.send({ type: 'subscribe', topic: 'rooms.1', presence: true, id: 'watch' });
  guest.send({ type: 'presence', topic: 'rooms.1', id: 'ask' });
  await guest.until(() => guest.of('error').length === 2);
  expect(guest.of('error').map(({ id, code }) => [id, code])).toEqual([
    ['watch', 'TOPIC_FORBIDDEN'],
    ['ask', 'TOPIC_FORBIDDEN'],
  ]);
  guest.send({ type: 'subscribe', topic: 'rooms.1' });
  await guest.until(() => guest.of('subscribe').length === 3);
  const member = await first.connectAs('member', { role: 'member' });
  member.send({ type: 'presence', topic: 'rooms.1', id: 'ask' });
  await member.until(() => member.of('presence').length === 1);
  expect(member.of('presence')[0]).toMatchObject({
    id: 'ask',
    topic: 'rooms.1',
    users: expect.arrayContaining([expect.objectContaining({ user_id: 'guest' })]) as unknown[],
  });
  expect(guest.of('presence')).toEqual([]);
});
