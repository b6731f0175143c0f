/** Swagger UI loads its own files and styles itself inline; everything else is data, which loads nothing. */
const POLICY = "default-src 'none'; frame-ancestors 'none'";
const DOCS_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/**
 * No Strict-Transport-Security: TLS ends at a proxy, which knows whether every host of the domain has it.
 */
export function securityHeaders(url: string): Record<string, string> {
  return {
    'content-security-policy': url.startsWith('/api/docs') ? DOCS_POLICY : POLICY,
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  };
}
