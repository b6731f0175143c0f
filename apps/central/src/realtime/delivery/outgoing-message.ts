import type { StoredMessage } from '../history/history';
import { encodeDataMessage } from '../protocol/server-message';
import { webSocketFrame } from '../protocol/web-socket-frame';
import type { Outgoing } from './receiver';

export class OutgoingMessage implements Outgoing {
  private encoded: Buffer | undefined;
  private framed: Buffer | undefined;

  constructor(
    readonly epoch: string,
    readonly message: StoredMessage,
  ) {}

  get frame(): Buffer {
    this.encoded ??= Buffer.from(encodeDataMessage(this.epoch, this.message));
    return this.encoded;
  }

  get webSocketFrame(): Buffer {
    this.framed ??= webSocketFrame(this.frame);
    return this.framed;
  }
}
