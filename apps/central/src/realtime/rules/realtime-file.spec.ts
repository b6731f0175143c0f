import { RivuletError } from '@rivulet/errors';
import { parseRealtimeFile } from './realtime-file';
import { TopicPattern } from './topic-pattern';
import { topicOfUser } from './topic-name';
import type { Identity } from './identity';

function identity(claims: Record<string, unknown> = {}, userId = 'user123'): Identity {
  return { kind: 'user', userId, claims: { sub: userId, kind: 'user', ...claims }, expiresAtMs: undefined };
}

/** The complaints about the lines behind `version: 1`. */
function complaintsOf(text: string): string {
  try {
    parseRealtimeFile('realtime.yaml', `version: 1\n${text}`);
    return '';
  } catch (error) {
    if (!(error instanceof RivuletError) || error.code !== 'REALTIME_FILE_INVALID') throw error;
    return error.message;
  }
}

const rules = parseRealtimeFile(
  'realtime.yaml',
  `
version: 1
users: { history: { size: 5, age: 1m } }
topics:
  - topic: user.notifications
    subscribe: any
    history: { size: 10, age: 1h }
  - topic: chat.secret
    subscribe: { role: admin }
  - topic: chat.*
    subscribe: { role: [nurse, doctor], ward: [1, 2] }
    publish: [{ role: doctor }, { kind: operator }]
  - topic: sites.{site_id}.>
    subscribe: any
    publish: any
  - topic: closed.>
`,
);

function maySubscribe(who: Identity, text: string): boolean {
  return rules.maySubscribe(who, TopicPattern.parse(text)!);
}

describe('the rules of topics', () => {
  it('let in whom a rule names, by all claims of a condition, and nobody else', () => {
    expect(maySubscribe(identity(), 'user.notifications')).toBe(true);
    expect(maySubscribe(identity({ role: 'nurse', ward: 2 }), 'chat.room')).toBe(true);
    expect(maySubscribe(identity({ role: ['x', 'doctor'], ward: '1' }), 'chat.room')).toBe(true);
    for (const claims of [{}, { role: 'nurse' }, { role: 'nurse', ward: 3 }, { role: { nurse: 1 }, ward: 1 }])
      expect(maySubscribe(identity(claims), 'chat.room')).toBe(false);
    expect(rules.mayPublish(identity({ role: 'doctor' }), 'chat.room')).toBe(true);
    expect(rules.mayPublish(identity({ role: 'nurse' }), 'chat.room')).toBe(false);
  });

  it('know no topic that is not in the file, nor one that is closed', () => {
    for (const topic of ['updates', 'closed.x', 'chat', 'chat.a.b', 'constructor', '_user.x', '_all']) {
      const pattern = TopicPattern.parse(topic);
      expect(pattern !== undefined && rules.maySubscribe(identity({ role: 'admin' }), pattern)).toBe(false);
      expect(rules.mayPublish(identity(), topic)).toBe(false);
    }
    expect(rules.historyOf('updates')).toBeUndefined();
  });

  it('let the first rule that matches count, for patterns too', () => {
    const nurse = identity({ role: 'nurse', ward: 1 });
    expect(maySubscribe(nurse, 'chat.secret')).toBe(false);
    expect(maySubscribe(nurse, 'chat.*')).toBe(false);
    expect(maySubscribe(identity({ role: ['admin', 'nurse'], ward: 1 }), 'chat.*')).toBe(false);
    expect(maySubscribe(nurse, '>')).toBe(false);
  });

  it('tie a word to a claim, which no wildcard gets round', () => {
    const site = identity({ site_id: ['7', '8'] });
    expect(maySubscribe(site, 'sites.7.orders')).toBe(true);
    expect(maySubscribe(site, 'sites.8.>')).toBe(true);
    for (const topic of ['sites.9.orders', 'sites.*.orders', 'sites.>', 'sites.9.>', '*.7.orders'])
      expect(maySubscribe(site, topic)).toBe(false);
    expect(maySubscribe(identity(), 'sites.7.orders')).toBe(false);
    expect(rules.mayPublish(site, 'sites.7.orders')).toBe(true);
    expect(rules.mayPublish(site, 'sites.9.orders')).toBe(false);
    expect(rules.mayPublish(site, 'sites.7.*')).toBe(false);
  });

  it('give every user one topic, and different users different ones', () => {
    const ids = ['user123', 'a.b', 'a b', '*', '>', '-b64-YQ', 'a', 'ä', 'device:1', '_', 'A'];
    const topics = ids.map(topicOfUser);
    expect(new Set(topics).size).toBe(ids.length);
    for (const topic of topics) expect(topic).toMatch(/^_user\.[A-Za-z0-9_-]+$/);
    expect(rules.historyOf(topicOfUser('user123'))).toEqual({ size: 5, ageMs: 60_000 });
    expect(rules.historyOf('user.notifications')).toEqual({ size: 10, ageMs: 3_600_000 });
  });
});

describe('patterns', () => {
  it.each([
    ['a.*', 'a.b', true],
    ['a.*', 'a.b.c', false],
    ['a.>', 'a.b.c', true],
    ['a.>', 'a', false],
    ['>', 'a', true],
    ['*.*', 'a', false],
  ])('%s matches %s: %s', (pattern, topic, expected) => {
    expect(TopicPattern.parse(pattern)!.matches(topic)).toBe(expected);
  });

  it.each([
    '',
    '.',
    'a..b',
    'a.>.b',
    'a*',
    '_a',
    'a._b',
    'a b',
    'ä',
    '{x}',
    'a'.repeat(201),
    'a.'.repeat(12) + 'a',
  ])('are not "%s"', (text) => {
    expect(TopicPattern.parse(text)).toBeUndefined();
  });

  it('cover another only if they match all that it does, and meet it if one topic is of both', () => {
    const texts = ['a', 'a.b', 'a.*', '*.b', 'a.>', '>', '*', '*.*', '*.>', 'a.*.c', 'a.b.>'];
    const topics = ['a', 'b', 'a.b', 'a.c', 'b.b', 'a.b.c', 'a.x.c', 'b.b.b', 'a.b.c.d'];
    const patterns = texts.map((text) => TopicPattern.parse(text)!);
    for (const [one, other] of patterns.flatMap((a) => patterns.map((b) => [a, b] as const))) {
      const isMet = topics.some((topic) => one.matches(topic) && other.matches(topic));
      const isCovered = topics.every((topic) => one.matches(topic) || !other.matches(topic));
      const covers = one.covers(other) !== undefined;
      const pair = `${one.text} and ${other.text}`;
      expect([pair, one.meets(other)]).toEqual([pair, isMet]);
      expect([pair, covers]).toEqual([pair, isCovered]);
      expect([pair, one.hides(other)]).toEqual([pair, covers]);
    }
  });
});

describe('the realtime file', () => {
  it('names every mistake with its line and column', () => {
    const message = complaintsOf(`
topics:
  - topic: a b
  - topic: x
    subscribe: everybody
    histroy: { size: 1, age: 1h }
  - topic: y
    history: { size: many, age: 1h }
  - topic: z
    history: { size: 5, age: 400d }
  - topic: w
    publish: { role: [] }
`);
    expect(message.split('\n').map((line) => line.split(': ')[0])).toEqual(
      ['4:12', '6:16', '7:5', '9:22', '11:30', '13:22'].map((place) => `realtime.yaml:${place}`),
    );
    expect(message).toContain('Did you mean history?');
  });

  it.each([
    ['topics: 7', 'must be a list'],
    ['topics: [{}]', 'the topic has no name'],
    ['topics: [{topic: a.>}, {topic: a.b}]', 'a.b is never reached'],
    ['topics: [{topic: x, subscribe: []}]', 'is an empty list'],
    ['users: { history: { size: 5 } }', 'needs both size and age'],
    ['topics: [{topic: x, history: { size: -1, age: 1h }}]', 'must be a number of messages'],
  ])('refuses %s', (text, expected) => {
    expect(complaintsOf(text)).toContain(expected);
  });

  it('may be as good as empty, and then lets nobody do anything', () => {
    const none = parseRealtimeFile('realtime.yaml', 'version: 1');
    expect(none.maySubscribe(identity(), TopicPattern.parse('>')!)).toBe(false);
    expect(() => parseRealtimeFile('realtime.yaml', '')).toThrow('realtime.yaml:1:1');
  });
});
