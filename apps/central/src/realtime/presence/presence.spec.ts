import type { BusBody } from '@rivulet/bus';
import type { ServerMessage } from '../protocol/server-message';
import type { Identity } from '../rules/identity';
import { parseRealtimeFile } from '../rules/realtime-file';
import { MAX_USERS_OF_TOPIC } from './presence-book';
import { Presence, type Watcher } from './presence';

const rules = parseRealtimeFile(
  'realtime.yaml',
  `
version: 1
topics:
  - { topic: 'rooms.*', subscribe: any, presence: { role: member } }
  - { topic: 'plain', subscribe: any }
`,
);

function identity(userId: string, role = 'member'): Identity {
  return { kind: 'user', userId, claims: { sub: userId, role }, expiresAtMs: undefined };
}

/** Processes on one bus that brings a message at once, or loses it. */
class Processes {
  nowMs = 0;
  isLosing = false;
  readonly stopped = new Set<number>();
  readonly current = { rules };
  readonly all: Presence[] = [0, 1].map(
    (own) =>
      new Presence({
        id: `central${own}`,
        rules: this.current,
        nowMs: () => this.nowMs,
        publish: (body) => {
          if (this.isLosing || this.stopped.has(own)) return;
          const text = JSON.stringify(body);
          for (const [index, presence] of this.all.entries())
            if (index !== own && !this.stopped.has(index)) presence.receive(JSON.parse(text) as BusBody);
        },
      }),
  );

  /** As time goes by. */
  pass(ms: number): void {
    this.nowMs += ms;
    for (const [index, presence] of this.all.entries()) {
      if (this.stopped.has(index)) continue;
      presence.beat();
      presence.tellLeft();
    }
  }

  users(own: number, topic = 'rooms.1'): string[] {
    return this.all[own]!.usersOf(topic).map(({ userId }) => userId);
  }
}

class Told implements Watcher {
  readonly messages: ServerMessage[] = [];
  readonly receiver = { tell: (message: ServerMessage) => void this.messages.push(message) };

  constructor(readonly who: Identity) {}

  get events(): string[] {
    return this.messages.flatMap((message) =>
      'event' in message ? `${message.event} ${message.user_id}` : [],
    );
  }
}

let processes: Processes;
beforeEach(() => (processes = new Processes()));

const enter = (own: number, userId: string, topic = 'rooms.1'): (() => void) =>
  processes.all[own]!.enter(topic, identity(userId))!;
/** Sends the changes that wait to be told together. */
const settle = (): void => processes.all.forEach((presence) => presence.beat());

it('knows who has subscribed on all processes, each user once, with all connections', () => {
  const leave = [enter(0, 'a'), enter(0, 'a'), enter(1, 'a'), enter(1, 'b')];
  processes.all.forEach((presence) => presence.askAll());
  for (const own of [0, 1]) {
    expect(processes.users(own)).toEqual(['a', 'b']);
    expect(processes.all[own]!.usersOf('rooms.1')[0]!.connections).toBe(3);
    expect(processes.users(own, 'rooms.2')).toEqual([]);
  }
  for (const end of leave) end();
  leave[0]!();
  processes.all.forEach((presence) => presence.askAll());
  expect([processes.users(0), processes.users(1)]).toEqual([[], []]);
  expect(processes.all.map(({ size }) => size)).toEqual([0, 0]);
});

it('tells who comes and who goes, and nothing of who is back in time or has another connection', () => {
  const told = new Told(identity('watcher'));
  const unwatch = processes.all[0]!.watch('rooms.1', told);
  expect(told.messages).toEqual([{ type: 'presence', id: undefined, topic: 'rooms.1', users: [] }]);
  const leaveA = enter(0, 'a');
  const leaveB = enter(0, 'b');
  enter(0, 'b');
  leaveA();
  leaveB();
  processes.pass(1_000);
  enter(0, 'a');
  processes.pass(60_000);
  expect(told.events).toEqual(['join a', 'join b']);
  const leaveC = enter(0, 'c');
  leaveC();
  processes.pass(4_999);
  expect(told.events).toHaveLength(3);
  processes.pass(1);
  expect(told.events.slice(2)).toEqual(['join c', 'leave c']);
  unwatch();
  enter(0, 'd');
  expect(told.events).toHaveLength(4);
});

it('makes up for lost messages when the next one comes, and forgets a process that is silent, or says goodbye', () => {
  enter(0, 'a');
  processes.all[1]!.askAll();
  expect(processes.users(1)).toEqual(['a']);
  processes.isLosing = true;
  const leaveB = enter(0, 'b');
  settle();
  processes.all[0]!.askAll();
  expect(processes.users(1)).toEqual(['a']);
  processes.isLosing = false;
  leaveB();
  enter(0, 'c');
  processes.pass(3_000);
  processes.all[1]!.askAll();
  expect(processes.users(1)).toEqual(['a', 'c']);
  enter(1, 'mine');
  const told = new Told(identity('watcher'));
  processes.all[1]!.watch('rooms.1', told);
  processes.stopped.add(0);
  processes.pass(15_001);
  expect(processes.users(1)).toEqual(['mine']);
  processes.pass(5_000);
  expect(told.events.toSorted()).toEqual(['leave a', 'leave c']);
  processes.stopped.clear();
  processes.all[1]!.askAll();
  expect(processes.users(1)).toEqual(['a', 'c', 'mine'].toSorted());
  processes.all[0]!.sayGoodbye();
  expect(processes.users(1)).toEqual(['mine']);
});

it('shows them to whom the rule names alone, also when a rule is replaced', () => {
  const [presence] = processes.all;
  const other = new Told(identity('other', 'guest'));
  const member = new Told(identity('member'));
  expect(() => presence!.watch('rooms.1', other)).toThrow(
    'There is no topic rooms.1 whose subscribers you may see.',
  );
  for (const topic of ['plain', 'nowhere', '_user.member', 'rooms.*'])
    expect(() => presence!.tellUsers(topic, member, undefined)).toThrow('whose subscribers you may see');
  expect(presence!.enter('plain', identity('a'))).toBeUndefined();
  presence!.watch('rooms.1', member);
  processes.current.rules = parseRealtimeFile(
    'realtime.yaml',
    `version: 1\ntopics: [{ topic: 'rooms.*', subscribe: any, presence: { role: chief } }]`,
  );
  enter(0, 'a');
  expect(member.events).toEqual([]);
});

it('keeps a bounded number of users of a topic', () => {
  const leave = Array.from({ length: MAX_USERS_OF_TOPIC + 10 }, (_, index) => enter(0, `user${index}`));
  processes.all[1]!.askAll();
  expect([processes.users(0).length, processes.users(1).length]).toEqual([
    MAX_USERS_OF_TOPIC,
    MAX_USERS_OF_TOPIC,
  ]);
  for (const end of leave) end();
  processes.all[1]!.askAll();
  expect([processes.users(0).length, processes.users(1).length]).toEqual([0, 0]);
});

it('takes nothing from messages that it does not know', () => {
  const [presence] = processes.all;
  for (const body of [
    null,
    1,
    [],
    {},
    { from: 'x' },
    { from: 'x', kind: 'state', number: 1, entries: [[1]] },
  ])
    presence!.receive(body);
  expect(presence!.size).toBe(0);
});
