import { RivuletError } from '@rivulet/errors';
import fc from 'fast-check';
import { parseClientMessage } from './client-message';
import { encodeDataMessage } from './server-message';

function codeOf(text: string): string | undefined {
  try {
    parseClientMessage(text);
    return undefined;
  } catch (error) {
    return error instanceof RivuletError ? error.code : `not a RivuletError: ${String(error)}`;
  }
}

describe('a message of a client', () => {
  it('is read as the described client sends it', () => {
    expect(parseClientMessage('{"type":"subscribe","topic":"user.notifications"}')).toEqual({
      type: 'subscribe',
      topic: 'user.notifications',
    });
    expect(parseClientMessage('{"type":"sync","topic":"a","data":{"x":[1,null]}}')).toEqual({
      type: 'sync',
      topic: 'a',
      data: '{"x":[1,null]}',
    });
  });

  it('may bring the positions that it has', () => {
    const message = {
      type: 'subscribe',
      topic: 'a.*',
      epoch: 'e',
      position: 3,
      positions: { 'a.b': 7 },
      presence: true,
      id: '1',
    };
    expect(parseClientMessage(JSON.stringify(message))).toEqual({
      type: 'subscribe',
      id: '1',
      topic: 'a.*',
      since: { epoch: 'e', position: 3, positions: new Map([['a.b', 7]]) },
      presence: true,
    });
    expect(parseClientMessage('{"type":"presence","topic":"a.b"}')).toEqual({
      type: 'presence',
      topic: 'a.b',
    });
  });

  it.each([
    '',
    'null',
    '[]',
    '7',
    '{"type":"data"}',
    '{"type":"connect"}',
    '{"type":"toString"}',
    '{"type":"subscribe"}',
    '{"type":"subscribe","topic":"_user.other"}',
    '{"type":"subscribe","topic":"_All"}',
    '{"type":"subscribe","topic":"a","epoch":"e"}',
    '{"type":"subscribe","topic":"a","epoch":"e","position":-1}',
    '{"type":"subscribe","topic":"a","epoch":"e","position":1.5}',
    '{"type":"subscribe","topic":"a","epoch":"e","position":1,"positions":{"a":"1"}}',
    '{"type":"subscribe","topic":"a","presence":"yes"}',
    '{"type":"presence"}',
    '{"type":"presence","topic":"_user.other"}',
    '{"type":"sync","topic":"a"}',
    '{"type":"auth"}',
    '{"type":"auth","token":7}',
    `{"type":"sync","topic":"a","data":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
  ])('is refused: %s', (text) => {
    expect(codeOf(text)).toBe('REALTIME_MESSAGE_INVALID');
  });

  it('whatever it is, is read or refused', () => {
    const word = fc.constantFrom(
      'type',
      'topic',
      'data',
      'epoch',
      'position',
      'positions',
      'token',
      'id',
      '__proto__',
    );
    const value = fc.oneof(
      fc.constantFrom(
        'auth',
        'subscribe',
        'unsubscribe',
        'sync',
        'disconnect',
        'a.b',
        '>',
        '_all',
        7,
        -1,
        null,
      ),
      fc.jsonValue(),
    );
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(word, value).map((fields) => JSON.stringify(fields)),
    );
    const accepted = [undefined, 'REALTIME_MESSAGE_INVALID'];
    fc.assert(
      fc.property(text, (message) => {
        expect(accepted).toContain(codeOf(message));
      }),
      { numRuns: Number(process.env['RIVULET_REALTIME_FUZZ'] ?? 2_000), seed: 15 },
    );
  });

  it('comes out as it went in, as data of a message', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const sent = parseClientMessage(JSON.stringify({ type: 'sync', topic: 'a', data: value }));
        const { data } = sent as { data: string };
        const message = {
          topic: 'a',
          position: 4,
          id: 'x',
          data,
          from: undefined,
          publishedAtMs: 1_640_995_200_500,
        };
        expect(JSON.parse(encodeDataMessage('e', message))).toEqual({
          type: 'data',
          topic: 'a',
          epoch: 'e',
          position: 4,
          id: 'x',
          timestamp: 1_640_995_200,
          data: JSON.parse(JSON.stringify(value)) as unknown,
        });
      }),
      { numRuns: 200, seed: 15 },
    );
  });
});

it.each(['id', 'key', 'epoch'])('NUL in `%s` is refused, as PostgreSQL does not take it', (field) => {
  const message = { type: 'sync', topic: 'a', data: 1, position: 1, id: '1', key: 'k', epoch: 'e' };
  const type = field === 'epoch' ? 'subscribe' : 'sync';
  const text = JSON.stringify({ ...message, type, [field]: 'a\0b' });
  expect(() => parseClientMessage(text)).toThrow(
    expect.objectContaining({ code: 'REALTIME_MESSAGE_INVALID' }),
  );
});
