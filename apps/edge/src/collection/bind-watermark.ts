import { RivuletError } from '@rivulet/errors';
import type { CollectionWatermark } from '@rivulet/protocol';
import { plainType, watermarkStart } from '@rivulet/snapshot';
import { escapeLiteral, type ClientBase } from 'pg';

/**
 * The value that stands for `?`, as a literal with its type. PostgreSQL reads what central has sent as a value of that type,
 * before it is part of a query.
 *
 * @param type - of the watermark's column
 * @throws RivuletError COLLECTION_OFFER_INVALID
 */
export async function bindWatermark(
  client: ClientBase,
  watermark: CollectionWatermark,
  type: string,
): Promise<string> {
  const plain = plainType(type);
  const value = await watermarkStart(client, watermark, plain);
  if (value !== undefined) return `(${escapeLiteral(value)}::${plain})`;
  throw new RivuletError(
    'COLLECTION_OFFER_INVALID',
    `A column of type ${type} cannot be a watermark, as ${watermark.column} is to be.`,
  );
}
