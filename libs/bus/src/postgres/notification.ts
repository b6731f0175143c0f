import type { Carried } from '../driver';

export const CHANNEL = 'rivulet_bus';

/** A notification holds 7,999 bytes: https://www.postgresql.org/docs/current/sql-notify.html */
const MAX_NOTIFICATION_BYTES = 7_999;

/** The body travels apart if it is missing. */
export type Notified = Omit<Carried, 'body'> & { body?: string };

export function encodeNotification({ id, topic, body }: Carried): { text: string; isWhole: boolean } {
  const whole = `${id} ${topic} ${body}`;
  if (Buffer.byteLength(whole) <= MAX_NOTIFICATION_BYTES) return { text: whole, isWhole: true };
  return { text: `${id} ${topic}`, isWhole: false };
}

export function decodeNotification(text: string): Notified | undefined {
  const [, id, topic, body] = /^([0-9A-Z]{26}) (\S+)(?: (.+))?$/s.exec(text) ?? [];
  if (id === undefined || topic === undefined) return undefined;
  return body === undefined ? { id, topic } : { id, topic, body };
}
