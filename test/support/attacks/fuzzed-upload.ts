import { hash } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  encodeBlock,
  encodeChunkEdit,
  encodeFrameHeader,
  FRAMES_CONTENT_TYPE,
  schemaFingerprint,
  tableChecksum,
} from '@rivulet/protocol';
import { asAdmin } from '../clients/operator';

const CHUNKS = ['1\tAda\n2\tGrace\n', '3\tan \\N and a tab \\t\n', '4\t\\N\n'];
const columns = [
  { name: 'id', type: 'integer' },
  { name: 'note', type: 'text' },
];

export interface BegunUpload {
  runId: string;
  /** As the device would offer them. */
  offer: Record<string, unknown>;
  contentType: string;
  /** Of the offer, as the device would send them. */
  frames: Buffer;
}

/** A run of a job whose rows a device has offered, and not sent. */
export async function beginUpload(
  app: NestFastifyApplication,
  deviceId: string,
  asDevice: Record<string, string>,
): Promise<BegunUpload> {
  const post = async <T>(
    url: string,
    payload: object,
    headers: Record<string, string> = asAdmin,
  ): Promise<T> => {
    const answer = await app.inject({ method: 'POST', url, payload, headers });
    if (answer.statusCode >= 300) throw new Error(`${url}: ${answer.body}`);
    return answer.json<T>();
  };
  const schema = await post<{ id: string }>('/api/schemas', {
    name: 'fuzzed',
    sql_command: 'SELECT id, note FROM fuzzed',
    target_table: 'fuzzed',
    mode: 'mirror',
    key: ['id'],
  });
  const order = { name: 'a job', schema_id: schema.id, network_ids: [deviceId] };
  const job = await post<{ id: string }>('/api/jobs', order);
  const { id: runId } = await post<{ id: string }>(`/api/jobs/${job.id}/run`, {});
  await post('/api/collection/tasks', {}, asDevice);
  const offer = offerOf();
  await post(`/api/collection/runs/${runId}/offer`, offer, asDevice);
  const url = `/api/collection/runs/${runId}/chunks`;
  const asJson = await app.inject({ method: 'POST', url, payload: {}, headers: asDevice });
  const asNothing = await app.inject({ method: 'POST', url, headers: asDevice });
  expect([asJson.statusCode, asNothing.statusCode]).toEqual([415, 415]);
  return { runId, offer, contentType: FRAMES_CONTENT_TYPE, frames: framesOf() };
}

function offerOf(): Record<string, unknown> {
  const digests = CHUNKS.map((chunk) => hash('sha256', chunk));
  const fingerprint = schemaFingerprint({ name: 'fuzzed', columns, key: ['id'] });
  return {
    columns,
    rows: 4,
    bytes: CHUNKS.join('').length,
    digests: Buffer.from(digests.join(''), 'hex').toString('base64'),
    checksum: tableChecksum(fingerprint, digests),
  };
}

function framesOf(): Buffer {
  const parts = CHUNKS.flatMap((chunk, number) => {
    const content = Buffer.from(chunk);
    const { encoding, block } = encodeBlock(content);
    const header = encodeFrameHeader({
      kind: 'chunk',
      encoding,
      table: 0,
      number,
      rows: chunk.split('\n').length - 1,
      contentBytes: content.length,
      blockBytes: block.length,
      digest: hash('sha256', content, 'buffer'),
    });
    return [header, block];
  });
  return Buffer.concat([...parts, ...editsOf(CHUNKS.length)]);
}

/** What nobody has the base of. */
function editsOf(number: number): Buffer[] {
  const edits = [{ place: 0, count: 1, rows: [Buffer.from('1\tAda\n')] }];
  const content = encodeChunkEdit({ number: 0, position: 0, count: 1, edits });
  const { encoding, block } = encodeBlock(content);
  const sizes = { rows: 1, contentBytes: content.length, blockBytes: block.length };
  const digest = hash('sha256', content, 'buffer');
  return [encodeFrameHeader({ kind: 'patch', encoding, table: 0, number, ...sizes, digest }), block];
}
