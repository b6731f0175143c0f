import type { BusBody } from '@rivulet/bus';
import type { StoredMessage } from '../history/history';

/** A message as the bus carries it. */
export function encodeHint(epoch: string, message: StoredMessage): BusBody {
  const { topic, position, id, data, from, publishedAtMs } = message;
  return { epoch, topic, position, id, data, from, at: publishedAtMs };
}

/** Positions have moved on without messages: they are to be compared. */
export const SKIPPED: BusBody = { skipped: true };

export function isSkipped(body: BusBody): boolean {
  return typeof body === 'object' && body !== null && !Array.isArray(body) && body['skipped'] === true;
}

/** Undefined for what another version may have sent: the positions are compared anyway. */
export function decodeHint(body: BusBody): { epoch: string; message: StoredMessage } | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
  const { epoch, topic, position, id, data, from, at } = body;
  if (typeof epoch !== 'string' || typeof topic !== 'string' || typeof position !== 'number')
    return undefined;
  if (typeof id !== 'string' || typeof data !== 'string' || typeof at !== 'number') return undefined;
  const sender = typeof from === 'string' ? from : undefined;
  return { epoch, message: { topic, position, id, data, from: sender, publishedAtMs: at } };
}
