import { createHmac, timingSafeEqual } from 'node:crypto';

/** The headers of a request to a worker, in lower case. */
export const workerHeaders = {
  /** The shared key itself: sent on the same host alone. */
  key: 'x-internal-key',
  /** Milliseconds since 1970. */
  timestamp: 'x-timestamp',
  /** 16 to 64 characters of base64url, for one request alone. */
  nonce: 'x-nonce',
  /** `sha256=` and the HMAC in hex. */
  signature: 'x-signature',
} as const;

/** HMAC-SHA256 over timestamp, nonce and the bytes of the body, with a line feed after each of the first two. */
export function workerSignature(
  key: string,
  { timestamp, nonce }: { timestamp: string; nonce: string },
  body: string | Uint8Array,
): string {
  return `sha256=${createHmac('sha256', key).update(`${timestamp}\n${nonce}\n`).update(body).digest('hex')}`;
}

/** Compares without telling by its time how much is right. */
export function isSameSecret(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => createHmac('sha256', 'compare').update(text).digest());
  return timingSafeEqual(a!, b!);
}
