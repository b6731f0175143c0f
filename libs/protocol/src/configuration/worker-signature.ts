import { createHmac, timingSafeEqual } from 'node:crypto';

/** The headers of a request to a worker, in lower case. */
export const workerHeaders = {
  /** The shared key itself: sent on the same host alone. */
  key: 'x-internal-key',
  /** Milliseconds since 1970. */
  timestamp: 'x-timestamp',
  /** 16 to 64 characters of base64url, for one request alone. */
  nonce: 'x-nonce',
  /** Which worker the request is for: {@link workerAudience}. */
  audience: 'x-audience',
  /** `sha256=` and the HMAC in hex. */
  signature: 'x-signature',
} as const;

/** What is signed beside the body. */
export interface SignedForWorker {
  timestamp: string;
  nonce: string;
  audience: string;
}

/** HMAC-SHA256 over timestamp, nonce, audience and the bytes of the body, with a line feed after each of the first three. */
export function workerSignature(
  key: string,
  { timestamp, nonce, audience }: SignedForWorker,
  body: string | Uint8Array,
): string {
  const head = `${timestamp}\n${nonce}\n${audience}\n`;
  return `sha256=${createHmac('sha256', key).update(head).update(body).digest('hex')}`;
}

/** The worker at a URL: `host:port`, and the path where the URL has one. */
export function workerAudience(url: string): string {
  const { protocol, hostname, port, pathname } = new URL(url);
  const standardPort = protocol === 'https:' ? '443' : '80';
  return `${hostname}:${port === '' ? standardPort : port}${pathname.replace(/\/+$/, '')}`;
}

/** Compares without telling by its time how much is right. */
export function isSameSecret(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => createHmac('sha256', 'compare').update(text).digest());
  return timingSafeEqual(a!, b!);
}
