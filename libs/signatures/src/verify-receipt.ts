import { COLLECTION_RECEIPT_TYPE, parseCollectionReceipt, type CollectionReceipt } from '@rivulet/protocol';
import { openStatement } from './statement';

/** What a receipt for collected rows shows. */
export interface ReceivedRows extends CollectionReceipt {
  /** Thumbprint of the key of central that has signed it: it is for the reader to know whose that is. */
  centralKey: string;
}

/**
 * Verifies, without asking anybody, that a central has written rows, read them back and committed them.
 *
 * @throws StatementError · RivuletError CENTRAL_RESPONSE_INVALID
 */
export async function verifyReceipt(receipt: string): Promise<ReceivedRows> {
  const { json, signedBy } = await openStatement(receipt, COLLECTION_RECEIPT_TYPE);
  return { ...parseCollectionReceipt(json), centralKey: signedBy.thumbprint };
}
