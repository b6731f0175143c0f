import { hash } from 'node:crypto';
import { RivuletError } from '@rivulet/errors';
import type { NewMessage } from './history';

/** Idempotency keys are remembered for so long. */
export const KEY_LIFE_MS = 86_400_000;
/** Those of changed rows: their notes are removed within seconds, or come again at once. */
export const ROW_KEY_LIFE_MS = 3_600_000;

/** The identity that a key stands for. */
export function digestOf({ topic, data }: Pick<NewMessage, 'topic' | 'data'>): string {
  return hash('sha256', `${topic}\n${data}`);
}

export function keyReused(key: string): RivuletError {
  return new RivuletError('IDEMPOTENCY_KEY_REUSED', `The key ${key} was used for a different message.`);
}
