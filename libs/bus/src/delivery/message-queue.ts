import type { BusMessage, MessageHandler } from '../bus';
import type { Carried } from '../driver';
import { busLimits } from '../limits';

export interface MessageQueueOptions {
  handler: MessageHandler;
  /** Whether a message is ours; all are, unless a queue group shares them. */
  claim?: ((messageId: string) => Promise<boolean>) | undefined;
  onGap: (reason: string) => void;
  onError: (error: unknown, topic: string) => void;
}

/** Gives one subscription its messages one after the other, and bounds what waits for a slow handler. */
export class MessageQueue {
  private readonly waiting: Carried[] = [];
  private waitingBytes = 0;
  private isWorking = false;
  private working: Promise<void> | undefined;
  private isClosed = false;

  constructor(private readonly options: MessageQueueOptions) {}

  push(message: Carried): void {
    if (this.isClosed) return;
    this.waiting.push(message);
    this.waitingBytes += message.body.length;
    this.dropOldest();
    if (!this.isWorking) this.working = this.work();
  }

  /** Resolves when nothing waits. */
  async drain(): Promise<void> {
    await this.working;
  }

  /** Waiting messages are dropped; the handler may finish the message that it has. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.waiting.length = 0;
    await this.working;
  }

  private async work(): Promise<void> {
    this.isWorking = true;
    for (let message = this.take(); message !== undefined; message = this.take()) await this.handle(message);
    this.isWorking = false;
  }

  private async handle({ id, topic, body }: Carried): Promise<void> {
    const { claim, handler, onError } = this.options;
    try {
      if (claim !== undefined && !(await claim(id))) return;
      if (!this.isClosed) await handler({ id, topic, body: JSON.parse(body) as BusMessage['body'] });
    } catch (error) {
      onError(error, topic);
    }
  }

  private take(): Carried | undefined {
    const message = this.waiting.shift();
    this.waitingBytes -= message?.body.length ?? 0;
    return message;
  }

  private dropOldest(): void {
    const before = this.waiting.length;
    while (
      this.waiting.length > busLimits.maxWaitingMessages ||
      this.waitingBytes > busLimits.maxWaitingBytes
    ) {
      this.take();
    }
    const dropped = before - this.waiting.length;
    if (dropped > 0) this.options.onGap(`${dropped} messages were dropped, as the subscriber was too slow`);
  }
}
