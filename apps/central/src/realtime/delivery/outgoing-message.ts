import type { StoredMessage } from '../history/history';
import { encodeDataMessage } from '../protocol/server-message';
import type { Outgoing } from './receiver';

export class OutgoingMessage implements Outgoing {
  private encoded: Buffer | undefined;

  constructor(
    readonly epoch: string,
    readonly message: StoredMessage,
  ) {}

  get frame(): Buffer {
    this.encoded ??= Buffer.from(encodeDataMessage(this.epoch, this.message));
    return this.encoded;
  }
}
