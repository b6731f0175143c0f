import { RivuletError } from '@rivulet/errors';
import type { Appended, NewMessage } from './history';

const MAX_BATCH = 500;
/** Limits of what waits for the database. Beyond them, publishing is refused. */
const MAX_WAITING = 10_000;
const MAX_WAITING_CHARACTERS = 32 * 1024 * 1024;

interface Waiting {
  messages: readonly NewMessage[];
  done: (appended: Appended[]) => void;
  failed: (error: unknown) => void;
}

/** Appends what has gathered while the one before was under way as one. What is given at once stays together. */
export class AppendQueue {
  private waiting: Waiting[] = [];
  private count = 0;
  private characters = 0;
  private working = 0;

  constructor(
    private readonly appendNow: (messages: readonly NewMessage[]) => Promise<Appended[]>,
    private readonly maxBatch = MAX_BATCH,
    /** Batches under way at once. */
    private readonly atOnce = 1,
  ) {}

  append(messages: readonly NewMessage[]): Promise<Appended[]> {
    const characters = sizeOf(messages);
    if (this.count + messages.length > MAX_WAITING || this.characters + characters > MAX_WAITING_CHARACTERS)
      return Promise.reject(busy());
    this.count += messages.length;
    this.characters += characters;
    const { promise, resolve, reject } = Promise.withResolvers<Appended[]>();
    this.waiting.push({ messages, done: resolve, failed: reject });
    if (this.working < this.atOnce) void this.appendAll();
    return promise;
  }

  private async appendAll(): Promise<void> {
    this.working++;
    while (this.waiting.length > 0) {
      const batch = this.takeBatch();
      try {
        const appended = (await this.appendNow(batch.flatMap(({ messages }) => messages))).values();
        for (const { messages, done } of batch) done(messages.map(() => appended.next().value!));
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
      for (const { messages } of batch) {
        this.count -= messages.length;
        this.characters -= sizeOf(messages);
      }
    }
    this.working--;
  }

  private takeBatch(): Waiting[] {
    let count = 0;
    const end = this.waiting.findIndex(({ messages }, index) => {
      count += messages.length;
      return index > 0 && count > this.maxBatch;
    });
    return this.waiting.splice(0, end === -1 ? this.waiting.length : end);
  }
}

function sizeOf(messages: readonly NewMessage[]): number {
  return messages.reduce((sum, { data }) => sum + data.length, 0);
}

function busy(): RivuletError {
  return new RivuletError('SERVER_BUSY', 'Too many messages wait to be stored.', { retryAfterSeconds: 1 });
}
