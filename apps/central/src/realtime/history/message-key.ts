import { hash } from 'node:crypto';
import { RivuletError } from '@rivulet/errors';
import type { NewMessage } from './history';

/** Idempotency keys are remembered for so long. */
export const KEY_LIFE_MS = 86_400_000;
/** Those of changed rows: their notes are removed within seconds, or come again at once. */
export const ROW_KEY_LIFE_MS = 3_600_000;

/** Begins the keys of changed rows. */
const ROW_KEY = 'rows:';

/** A topic that nobody publishes to for so long is forgotten. */
export const TOPIC_LIFE_MS = 31 * 86_400_000;

export function keyLifeMs(key: string): number {
  return key.startsWith(ROW_KEY) ? ROW_KEY_LIFE_MS : KEY_LIFE_MS;
}

/** The identity that a key stands for. */
export function digestOf({ topic, data }: Pick<NewMessage, 'topic' | 'data'>): string {
  return hash('sha256', `${topic}\n${data}`);
}

export function keyReused(key: string): RivuletError {
  return new RivuletError('IDEMPOTENCY_KEY_REUSED', `The key ${key} was used for a different message.`);
}
