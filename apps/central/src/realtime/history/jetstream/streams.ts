import { type StreamConfig } from '@nats-io/jetstream';
import { KEY_LIFE_MS, ROW_KEY_LIFE_MS } from '../message-key';

const NANOSECONDS = 1_000_000;
/** For a key to be noted after its message was stored; the server keeps the keys of so long in memory. */
const DUPLICATE_WINDOW_MS = 600_000;

export const MESSAGES = 'rivulet-topics';
/** Where positions begin, and their epoch: in the stream of the messages, so that both are lost together. */
export const STORE_SUBJECT = 'rivulet.topics.store';
export const LOG_PREFIX = 'rivulet.topics.log.';

const KEYS = { stream: 'rivulet-topics-keys', prefix: 'rivulet.topics.key.', lifeMs: KEY_LIFE_MS };
const ROW_KEYS = {
  stream: 'rivulet-topics-row-keys',
  prefix: 'rivulet.topics.row-key.',
  lifeMs: ROW_KEY_LIFE_MS,
};

type NewStream = Partial<StreamConfig> & { name: string };

/** One that is there already is taken as it is: in a cluster, whoever runs it says how many replicas there are. */
export const STREAMS: readonly NewStream[] = [
  {
    name: MESSAGES,
    description: 'Messages of topics (Rivulet). Do not edit its subjects and limits.',
    subjects: [STORE_SUBJECT, `${LOG_PREFIX}>`],
    duplicate_window: DUPLICATE_WINDOW_MS * NANOSECONDS,
  },
  ...[KEYS, ROW_KEYS].map(({ stream, prefix, lifeMs }) => ({
    name: stream,
    description: 'Idempotency keys of messages of topics (Rivulet).',
    subjects: [`${prefix}*`],
    max_age: lifeMs * NANOSECONDS,
    max_msgs_per_subject: 1,
  })),
];

/** Keys of changed rows are many, and are kept for less long. */
export function keysOf(lifeMs: number): { stream: string; prefix: string } {
  return lifeMs === ROW_KEY_LIFE_MS ? ROW_KEYS : KEYS;
}
