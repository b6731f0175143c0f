import type { Pool } from 'pg';
import type { Carried } from '../driver';
import { CHANNEL, encodeNotification } from './notification';

const MAX_BATCH = 500;

/** The rows of unnest come in order, so the notifications do; PostgreSQL keeps the order within a transaction. */
const notify = `
WITH stored AS (
  INSERT INTO rivulet.bus_messages (id, body) SELECT * FROM unnest($2::text[], $3::text[])
)
SELECT pg_notify('${CHANNEL}', text) FROM unnest($1::text[]) AS text`;

interface Unsent {
  message: Carried;
  sent: () => void;
  failed: (error: unknown) => void;
}

/** Sends what has gathered while the statement before was under way as one statement. */
export class PostgresPublisher {
  private unsent: Unsent[] = [];
  private isSending = false;

  constructor(private readonly pool: Pool) {}

  send(message: Carried): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.unsent.push({ message, sent: resolve, failed: reject });
    if (!this.isSending) void this.sendAll();
    return promise;
  }

  private async sendAll(): Promise<void> {
    this.isSending = true;
    while (this.unsent.length > 0) {
      const batch = this.unsent.splice(0, MAX_BATCH);
      try {
        await this.pool.query(notify, parametersOf(batch.map(({ message }) => message)));
        for (const { sent } of batch) sent();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.isSending = false;
  }
}

function parametersOf(messages: Carried[]): [string[], string[], string[]] {
  const encoded = messages.map(encodeNotification);
  const apart = messages.filter((_, index) => !encoded[index]!.isWhole);
  return [encoded.map(({ text }) => text), apart.map(({ id }) => id), apart.map(({ body }) => body)];
}
