import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet, { type HelmetOptions } from 'helmet';

/** A year, for this host alone: nothing is known of the others of its domain. */
const HSTS = { maxAge: 365 * 86_400, includeSubDomains: false } as const;

const ALL_ANSWERS = {
  frameguard: { action: 'deny' },
  // For answers over TLS alone, which are told apart where they are sent.
  strictTransportSecurity: false,
} as const satisfies HelmetOptions;

/** Data, which loads nothing. What steers pages alone is left out: each answer to a device would carry it. */
const DATA = Object.freeze({
  ...headersOf({
    ...ALL_ANSWERS,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  }),
  // Of whoever asked, and gone with a logout: routes whose answers may be kept say so.
  'cache-control': 'no-store',
});

/** Swagger UI loads its own files and styles itself inline. It also works over plain HTTP: nothing is upgraded. */
const DOCS = headersOf({
  ...ALL_ANSWERS,
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'self'"],
      'img-src': ["'self'", 'data:'],
      'style-src': ["'self'", "'unsafe-inline'"],
      'frame-ancestors': ["'none'"],
      'base-uri': ["'none'"],
    },
  },
});

const HSTS_HEADER = Object.entries(
  headersOf({ ...ALL_ANSWERS, contentSecurityPolicy: false, strictTransportSecurity: HSTS }),
).find(([name]) => name === 'strict-transport-security')!;

/** Made once: helmet's own hook would make the same texts for every request. */
export function securityHeaders(url: string): Readonly<Record<string, string>> {
  return url.startsWith('/api/docs') ? DOCS : DATA;
}

/** Answers over TLS alone have it: browsers ignore it elsewhere. */
export function strictTransportSecurity(): readonly [name: string, value: string] {
  return HSTS_HEADER;
}

function headersOf(options: HelmetOptions): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => (headers[name.toLowerCase()] = value),
    removeHeader: () => undefined,
  };
  helmet(options)({} as IncomingMessage, response as unknown as ServerResponse, () => undefined);
  return Object.freeze(headers);
}
