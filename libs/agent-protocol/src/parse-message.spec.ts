import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { RivuletError } from '@rivulet/errors';
import { agentLimits, encodeAgentMessage, parseAgentMessage, type AgentMessage, type Sender } from './index';

interface Vector {
  name: string;
  from: Sender;
  line: string;
  /** The message that it is, or the words that refuse it. */
  message?: AgentMessage;
  code?: string;
  refusal?: string;
}

const vectors = JSON.parse(
  readFileSync(join(__dirname, '../test/vectors/messages.json'), 'utf8'),
) as Vector[];

/** The message that a text is, or how it is refused. */
function read(text: string, from: Sender): Pick<Vector, 'message' | 'code' | 'refusal'> {
  try {
    return { message: parseAgentMessage(text, from) };
  } catch (error) {
    if (!(error instanceof RivuletError)) throw error;
    return { code: error.code, refusal: error.message };
  }
}

it.each(vectors)('reads, or refuses, $name', ({ from, line, message, code, refusal }) => {
  expect(read(line, from)).toEqual(message === undefined ? { code, refusal } : { message });
});

it.each(vectors.filter((vector) => vector.message))('writes $name as it is read', ({ from, message }) => {
  expect(read(encodeAgentMessage(message!).trimEnd(), from)).toEqual({ message });
});

const message = (data: unknown, type = 'DATA'): string =>
  JSON.stringify({
    type,
    id: '1',
    agent_name: 'a',
    status: 'online',
    timestamp: '2026-01-01T00:00:00Z',
    data,
  });

function report(texts: number): string {
  const entries = Array.from({ length: texts }, (_, n) => [`f${n}`, 'x'.repeat(510)]);
  return message(Object.fromEntries(entries), 'HEARTBEAT');
}

describe('limits', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

  it('takes data of the allowed depth, and refuses a level more', () => {
    const { maxDepth } = agentLimits;
    expect(() => parseAgentMessage(message({ a: nested(maxDepth - 1) }), 'agent')).not.toThrow();
    expect(() => parseAgentMessage(message({ a: nested(maxDepth) }), 'agent')).toThrow(
      'nested more than 8 levels',
    );
  });

  it('refuses more values than allowed', () => {
    const list = Array.from({ length: agentLimits.maxValues }, () => 0);
    expect(() => parseAgentMessage(message({ list }), 'agent')).toThrow('more than 20000 values');
  });

  it('refuses a report whose names and texts are too long together, though each is not', () => {
    expect(() => parseAgentMessage(report(8), 'agent')).not.toThrow();
    expect(() => parseAgentMessage(report(9), 'agent')).toThrow(
      'more than 4096 characters of names and texts',
    );
  });

  it('refuses a deep text without running out of stack', () => {
    const deep = message({}).replace('"data":{}', `"data":${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(() => parseAgentMessage(deep, 'agent')).toThrow(RivuletError);
  });

  it('refuses a text with NUL, in a value as in a name', () => {
    expect(() => parseAgentMessage(message({ a: 'x\0' }), 'agent')).toThrow('NUL');
    expect(() => parseAgentMessage(message({ 'x\0': 1 }), 'agent')).toThrow('NUL');
  });

  it('keeps a field named __proto__ as data', () => {
    const { data } = parseAgentMessage(
      message({}).replace('"data":{}', '"data":{"__proto__":{"polluted":1}}'),
      'agent',
    );
    expect(Object.keys(data)).toEqual(['__proto__']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

it('answers any text with a message or a refusal of its own', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    fc.jsonValue().map((value) => message(value)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      expect(Object.keys(read(text, 'agent')).length).toBeGreaterThan(0);
    }),
    { numRuns: 2_000 },
  );
});

it('takes what a later central may add, and from an agent nothing unknown', () => {
  const envelope = { agent_name: 'a', status: 'online', timestamp: '2099-01-01T00:00:00Z', later: 1 };
  const line = JSON.stringify({
    type: 'ACK',
    ...envelope,
    data: { of: 'REGISTER', heartbeat_seconds: 5, more: [] },
  });
  expect(parseAgentMessage(line, 'central')).toMatchObject({ type: 'ACK', data: { heartbeat_seconds: 5 } });
  expect(() => parseAgentMessage(line, 'agent')).toThrow('unknown field "later"');
});

it('does not write out what an agent says is its version', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const line = `{"type":"REGISTER","agent_name":"a","status":"online","timestamp":"1970-01-01T00:00:00Z","data":{"protocol":${deep}}}`;
  expect(() => parseAgentMessage(line, 'agent')).toThrow('speaks version (no number)');
});
