import type { X509Certificate } from 'node:crypto';
import { normaliseMacAddress } from '@rivulet/protocol';

/** The identity that a certificate claims. */
export type CertificateIdentity =
  { kind: 'id'; deviceId: string } | { kind: 'mac'; macAddress: string } | { kind: 'name'; name: string };

const URN = 'urn:rivulet:device:';
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i;
/** `type:value`, where Node puts a value into quotes that could be taken for more than one. */
const ALTERNATIVE_NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/gy;

/**
 * The URI `urn:rivulet:device:<id>` among the alternative names; else the one DNS name there; else, where it has neither,
 * the common name. A DNS or common name is a device id, a MAC address (in a DNS name with hyphens), or the name of a device.
 *
 * @returns undefined where it says nothing, or more than one thing
 */
export function identityIn(certificate: X509Certificate): CertificateIdentity | undefined {
  const names = alternativeNames(certificate.subjectAltName ?? '');
  if (names === undefined) return undefined;
  const uris = names.filter(({ type, value }) => type === 'URI' && value.toLowerCase().startsWith(URN));
  if (uris.length > 0) {
    const deviceId = uris[0]!.value.slice(URN.length);
    return uris.length === 1 && ULID.test(deviceId)
      ? { kind: 'id', deviceId: deviceId.toUpperCase() }
      : undefined;
  }
  const hosts = names.filter(({ type }) => type === 'DNS').map(({ value }) => value);
  if (hosts.length > 0) return hosts.length === 1 ? identityOf(hosts[0]!) : undefined;
  const commonName: unknown = certificate.toLegacyObject().subject?.CN;
  return typeof commonName === 'string' ? identityOf(commonName) : undefined;
}

function identityOf(text: string): CertificateIdentity | undefined {
  if (text === '' || text.includes('*')) return undefined;
  if (ULID.test(text)) return { kind: 'id', deviceId: text.toUpperCase() };
  try {
    return { kind: 'mac', macAddress: normaliseMacAddress(text) };
  } catch {
    return { kind: 'name', name: text };
  }
}

/** Undefined where the text is not wholly understood. */
function alternativeNames(text: string): { type: string; value: string }[] | undefined {
  const names = [...text.matchAll(ALTERNATIVE_NAME)].map(([whole, type, value]) => ({ whole, type, value }));
  if (names.reduce((length, { whole }) => length + whole.length, 0) !== text.length) return undefined;
  return names.map(({ type, value }) => ({
    type: type!,
    value: value!.startsWith('"') ? (JSON.parse(value!) as string) : value!,
  }));
}
