import { RivuletError } from '@rivulet/errors';
import { TopicPattern } from '../rules/topic-pattern';
import { encodeJson } from './encode-json';
import { messageLimits } from '../rules/message-limits';

/** Up to where a client has a topic, or each topic of a pattern. */
export interface Since {
  epoch: string;
  /** The position of a pattern's topics that are not in `positions`: that of a topic without messages. */
  position: number;
  positions: ReadonlyMap<string, number>;
}

export type ClientMessage = { id: string | undefined } & (
  | { type: 'auth'; token: string }
  /** With `presence` it is told who is there, who comes and who goes. */
  | { type: 'subscribe'; topic: string; since: Since | undefined; presence: true | undefined }
  | { type: 'unsubscribe'; topic: string }
  /** `data` is JSON. With a key, the same message sent again is published once. */
  | { type: 'sync'; topic: string; data: string; key: string | undefined }
  /** Asks once who has subscribed. */
  | { type: 'presence'; topic: string }
  | { type: 'disconnect' }
);

type Fields = Record<string, unknown>;

/** Aliases of the topics that every client has. */
const OWN_NAMES = new Set(['_all', '_user']);

/** @throws RivuletError REALTIME_MESSAGE_INVALID */
export function parseClientMessage(text: string): ClientMessage {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    throw invalid('It is not JSON.');
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw invalid('It is no JSON object.');
  return readMessage(fields as Fields);
}

function readMessage(fields: Fields): ClientMessage {
  const id = fields['id'] === undefined ? undefined : readText(fields, 'id', messageLimits.maxIdCharacters);
  switch (fields['type']) {
    case 'auth':
      return { type: 'auth', id, token: readText(fields, 'token', messageLimits.maxTokenCharacters) };
    case 'subscribe':
      return {
        type: 'subscribe',
        id,
        topic: readTopic(fields),
        since: readSince(fields),
        presence: readPresence(fields),
      };
    case 'unsubscribe':
      return { type: 'unsubscribe', id, topic: readTopic(fields) };
    case 'sync':
      return { type: 'sync', id, topic: readTopic(fields), data: readData(fields), key: readKey(fields) };
    case 'presence':
      return { type: 'presence', id, topic: readTopic(fields) };
    case 'disconnect':
      return { type: 'disconnect', id };
    default:
      throw invalid('`type` must be auth, subscribe, unsubscribe, sync, presence or disconnect.');
  }
}

function readTopic(fields: Fields): string {
  const { topic } = fields;
  if (typeof topic !== 'string' || !(OWN_NAMES.has(topic) || TopicPattern.parse(topic) !== undefined))
    throw invalid('`topic` must have words of letters, digits, - and _ with dots between them.');
  return topic;
}

function readSince(fields: Fields): Since | undefined {
  const { epoch, position, positions = {} } = fields;
  if (epoch === undefined && position === undefined) return undefined;
  if (typeof epoch !== 'string' || epoch.length > messageLimits.maxIdCharacters || !isStorable(epoch))
    throw invalid('`epoch` must be a text, as the server sent it.');
  if (!isPosition(position)) throw invalid('`position` must be a whole number, as the server sent it.');
  if (typeof positions !== 'object' || positions === null) throw invalid('`positions` must be an object.');
  const entries = Object.entries(positions as Record<string, unknown>);
  if (entries.length > messageLimits.maxTopicsOfPattern || !entries.every(([, value]) => isPosition(value)))
    throw invalid(`\`positions\` must have at most ${messageLimits.maxTopicsOfPattern} positions.`);
  return { epoch, position, positions: new Map(entries as [string, number][]) };
}

function readPresence({ presence = false }: Fields): true | undefined {
  if (typeof presence !== 'boolean') throw invalid('`presence` must be true or false.');
  return presence ? true : undefined;
}

function readData({ data }: Fields): string {
  const text = encodeJson(data);
  if (text === undefined)
    throw invalid(`\`data\` is missing, or nested deeper than ${messageLimits.maxDepth} levels.`);
  return text;
}

function readKey(fields: Fields): string | undefined {
  return fields['key'] === undefined ? undefined : readText(fields, 'key', messageLimits.maxIdCharacters);
}

function readText(fields: Fields, name: string, most: number): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '' || value.length > most || !isStorable(value))
    throw invalid(`\`${name}\` must be a text of 1 to ${most} characters.`);
  return value;
}

/** PostgreSQL holds every text but those with NUL or half a character. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function isPosition(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function invalid(reason: string): RivuletError {
  return new RivuletError('REALTIME_MESSAGE_INVALID', `The message is not valid. ${reason}`);
}
