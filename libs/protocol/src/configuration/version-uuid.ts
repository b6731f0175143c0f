import { createHash } from 'node:crypto';

/** The UUID of a version, the same whoever asks for it (RFC 9562, version 8). */
export function uuidOfVersion(name: string, version: number): string {
  const bytes = createHash('sha256').update(`${name}\n${version}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
