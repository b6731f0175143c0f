import { RivuletError, type FieldError } from '@rivulet/errors';
import { canonicalJson } from '@rivulet/protocol';
import { escapeName, isObject } from './merge-patch';

export const contentLimits = {
  /** The largest version as canonical JSON, overlays included. */
  bytes: 256 * 1024,
  depth: 24,
  overlays: 1_000,
} as const;

const SECRET_NAME =
  /pass(word|wd|phrase)|secret|api_?key|private_?key|credential|(^|_|-)token$|(access|auth|bearer|refresh)_?token/i;
/** References that a device replaces by values of its own. */
const REFERENCE = /^\$\{(env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:[^{}\0]{1,255})\}$/;
const FIELD_ERRORS_MAX = 20;

/** @throws RivuletError CONFIGURATION_TOO_LARGE */
export function refuseLargeContent(content: object): void {
  if (isDeeper(content, contentLimits.depth + 2)) {
    throw new RivuletError(
      'CONFIGURATION_TOO_LARGE',
      `The configuration is nested more than ${contentLimits.depth} levels deep.`,
    );
  }
  const bytes = Buffer.byteLength(canonicalJson(content));
  if (bytes <= contentLimits.bytes) return;
  throw new RivuletError(
    'CONFIGURATION_TOO_LARGE',
    `The configuration has ${bytes} bytes as JSON; at most ${contentLimits.bytes} are allowed.`,
  );
}

/**
 * What is called a secret must be a reference that the device resolves: versions are kept for ever, and shown.
 *
 * @throws RivuletError CONFIGURATION_SECRET
 */
export function refusePlainSecrets(documents: { place: string; data: unknown }[]): void {
  const errors = documents.flatMap(({ place, data }) => plainSecrets(data, place));
  if (errors.length === 0) return;
  throw new RivuletError(
    'CONFIGURATION_SECRET',
    `${errors[0]!.field} looks like a secret, and is written out.`,
    { errors: errors.slice(0, FIELD_ERRORS_MAX) },
  );
}

function plainSecrets(value: unknown, path: string): FieldError[] {
  if (Array.isArray(value)) return value.flatMap((item, at) => plainSecrets(item, `${path}/${at}`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => {
    const field = `${path}/${escapeName(name)}`;
    const isPlain = typeof item === 'string' && item !== '' && !REFERENCE.test(item);
    if (isPlain && SECRET_NAME.test(name))
      return [{ field, reason: 'must be a reference: ${env:NAME} or ${file:NAME}' }];
    return plainSecrets(item, field);
  });
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1));
}
