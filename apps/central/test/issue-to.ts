import { PROTOCOL_VERSION } from '@rivulet/protocol';
import { ulid } from 'ulid';
import type { CentralServices } from './central-services';

/** Issues a manifest to a device that has nothing. @returns its id */
export async function issueTo({ requests }: CentralServices, macAddress: string): Promise<string> {
  const asked = { protocolVersion: PROTOCOL_VERSION, nonce: 'a'.repeat(16), tables: [] };
  const response = await requests.answer(ulid(), { macAddress }, asked);
  if (response.status !== 'update') throw new Error('There is no manifest.');
  const [, payload] = response.manifest.split('.');
  return (JSON.parse(Buffer.from(payload!, 'base64url').toString()) as { manifestId: string }).manifestId;
}
