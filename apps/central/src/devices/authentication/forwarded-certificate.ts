import { X509Certificate } from 'node:crypto';
import { RivuletError } from '@rivulet/errors';

const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';
/** A part of X-Forwarded-Client-Cert, as Envoy writes it. */
const PART = /([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,"]*)([;,]|$)/gy;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const VALUE_MAX_CHARACTERS = 16_000;

/**
 * The certificate in a header of an ingress: percent-encoded PEM (nginx `$ssl_client_escaped_cert`), Base64 of the DER
 * form, or the one `Cert` of X-Forwarded-Client-Cert.
 *
 * @throws RivuletError CLIENT_CERTIFICATE_UNTRUSTED
 */
export function readForwarded(value: string): X509Certificate {
  try {
    if (value.length > VALUE_MAX_CHARACTERS) throw new Error('it is too long');
    const text = decodeURIComponent(/^[A-Za-z]+=/.test(value) ? certOf(value) : value);
    return ofDevice(certificatesIn(text));
  } catch (error) {
    throw untrusted('The header of the client certificate cannot be read.', error);
  }
}

/**
 * The proxy has seen that the caller has the key. Whether it is one of ours is not left to it.
 *
 * @throws RivuletError CLIENT_CERTIFICATE_UNTRUSTED
 */
export function checkIssuer(certificate: X509Certificate, issuers: readonly X509Certificate[]): void {
  const isIssued = issuers.some(
    (issuer) =>
      issuer.ca &&
      issuer.validToDate.getTime() >= Date.now() &&
      certificate.checkIssued(issuer) &&
      certificate.verify(issuer.publicKey),
  );
  if (!isIssued) throw untrusted('No certificate of CENTRAL_CLIENT_CA has issued the client certificate.');
  const uses = certificate.keyUsage as string[] | undefined;
  if (uses !== undefined && !uses.includes(CLIENT_AUTHENTICATION))
    throw untrusted('The certificate is not for clients.');
}

/** The certificates of a PEM file. */
export function readIssuers(pem: string): X509Certificate[] {
  return (pem.match(PEM) ?? []).map((block) => new X509Certificate(block));
}

/** Some proxies pass on the chain, too. Two certificates of devices come from a header that a client sent and a proxy added to. */
function ofDevice(certificates: X509Certificate[]): X509Certificate {
  const own = certificates.filter(({ ca }) => !ca);
  if (own.length !== 1) throw new Error(`it has ${own.length} certificates of devices`);
  return own[0]!;
}

/** All of the text, so that nothing is taken for less than it is: PEM, or Base64 of the DER form, separated by commas. */
function certificatesIn(text: string): X509Certificate[] {
  const blocks = text.match(PEM) ?? [];
  const rest = text.replace(PEM, '');
  if (blocks.length > 0) {
    if (!/^[\s,]*$/.test(rest)) throw new Error('it has more than certificates');
    return blocks.map((block) => new X509Certificate(block));
  }
  const parts = text.split(',').map((part) => part.trim());
  if (!parts.every((part) => BASE64.test(part))) throw new Error('it is malformed');
  return parts.map((part) => new X509Certificate(Buffer.from(part, 'base64')));
}

/** More than one was added by somebody else than the nearest proxy. */
function certOf(value: string): string {
  const parts = [...value.matchAll(PART)].filter(([whole]) => whole !== '');
  if (parts.reduce((length, [whole]) => length + whole.length, 0) !== value.length)
    throw new Error('it is malformed');
  const certificates = parts.filter(([, name]) => name!.toLowerCase() === 'cert');
  if (certificates.length !== 1) throw new Error(`it has ${certificates.length} certificates`);
  return certificates[0]![2]!.replace(/^"(.*)"$/, '$1');
}

function untrusted(message: string, cause?: unknown): RivuletError {
  return new RivuletError('CLIENT_CERTIFICATE_UNTRUSTED', message, { cause });
}
