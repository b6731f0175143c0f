import { Injectable } from '@nestjs/common';
import { COLLECTION_RECEIPT_TYPE, type CollectionReceipt } from '@rivulet/protocol';
import { verifyReceipt } from '@rivulet/signatures';
import { SigningKey } from '../../signing/signing-key';

/** Central's signed word for rows that it has committed. */
@Injectable()
export class Receipts {
  constructor(private readonly signingKey: SigningKey) {}

  async sign(received: CollectionReceipt): Promise<string> {
    return this.signingKey.sign(COLLECTION_RECEIPT_TYPE, received);
  }

  /** A receipt that is asked for again, by the present key: after a rotation an edge believes no former one. */
  async renew(receipt: string): Promise<string> {
    const { centralKey, ...received } = await verifyReceipt(receipt);
    return (await this.signingKey.isCurrent(centralKey)) ? receipt : this.sign(received);
  }
}
