import { inTransaction, isDatabaseUnavailable, ownTables, withClient } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import type { ClientBase, Pool } from 'pg';
import type { HistoryRule } from '../../rules/topic-rules';
import type { TopicPattern } from '../../rules/topic-pattern';
import { contiguousAfter } from '../contiguous';
import type { Appended, History, NewMessage, Positions, Recovered } from '../history';
import { AppendQueue } from '../append-queue';
import { appendKeyed } from './append-keyed';
import { appendNow } from './append-now';
import {
  createTopics,
  listPositions,
  pruneKeys,
  pruneMessages,
  pruneTopics,
  readMessages,
  raiseFloor,
  readPositions,
  skipPositions,
} from './history-sql';
import { KEY_LIFE_MS, ROW_KEY_LIFE_MS } from '../message-key';

interface ReadRow {
  epoch: string;
  last: string;
  position: string | null;
  id: string;
  data: string;
  sender: string | null;
  publishedAt: Date;
}

interface PositionsRow {
  epoch: string;
  floor: string;
  positions: Record<string, number>;
}

/** Held by whoever removes what is no longer kept. */
const PRUNE_LOCK = 'rivulet realtime history';

/** History in central's own tables. */
export class PostgresHistory implements History {
  private readonly queue: AppendQueue;

  constructor(private readonly pool: Pool) {
    this.queue = new AppendQueue((messages) => appendNow(pool, messages));
  }

  async append(messages: readonly NewMessage[]): Promise<Appended[]> {
    const isKeyed = messages.some(({ key }) => key !== undefined);
    return this.ask(() => (isKeyed ? appendKeyed(this.pool, messages) : this.queue.append(messages)));
  }

  async read(topic: string, after: number, rule: HistoryRule, limit: number): Promise<Recovered> {
    const { rows } = await this.ask(() =>
      this.pool.query<ReadRow>({
        name: 'rivulet realtime read',
        text: readMessages,
        values: [topic, after, rule.size, rule.ageMs, limit],
      }),
    );
    const messages = rows
      .filter(({ position }) => position !== null)
      .map(({ position, id, data, sender, publishedAt }) => ({
        topic,
        position: Number(position),
        id,
        data,
        from: sender ?? undefined,
        publishedAtMs: publishedAt.getTime(),
      }));
    const { epoch, last } = rows[0]!;
    return { epoch, last: Number(last), messages: contiguousAfter(after, messages) };
  }

  async positionsOf(topics: readonly string[]): Promise<Positions> {
    return this.ask(() => this.positions(readPositions, [topics]));
  }

  async list(prefix: string, limit: number): Promise<Positions> {
    return this.ask(() => this.positions(listPositions, [prefix, limit + 1]));
  }

  async skip(pattern: TopicPattern): Promise<void> {
    await this.ask(() =>
      withClient(this.pool, (client) =>
        inTransaction(client, ownTables, async () => {
          if (pattern.isTopic) await client.query(createTopics, [[pattern.text]]);
          else await client.query(raiseFloor);
          await client.query(skipPositions, [pattern.prefix, pattern.regex]);
        }),
      ),
    );
  }

  /** Removes messages that no rule keeps any more. One process does it, and the others do not wait. */
  async prune(): Promise<void> {
    await this.ask(() =>
      withClient(this.pool, (client) =>
        inTransaction(client, ownTables, async () => {
          const { rows } = await client.query<{ isMine: boolean }>(
            'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS "isMine"',
            [PRUNE_LOCK],
          );
          if (rows[0]!.isMine) await pruneAll(client);
        }),
      ),
    );
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  private async positions(text: string, values: unknown[]): Promise<Positions> {
    const { rows } = await this.pool.query<PositionsRow>(text, values);
    const { epoch, floor, positions } = rows[0]!;
    return { epoch, floor: Number(floor), positions: new Map(Object.entries(positions)) };
  }

  private async ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error;
      throw new RivuletError('DATABASE_UNAVAILABLE', "Central's database cannot be reached.", {
        cause: error,
        retryAfterSeconds: 1,
      });
    }
  }
}

async function pruneAll(client: ClientBase): Promise<void> {
  await client.query(pruneMessages);
  await client.query(pruneKeys, [KEY_LIFE_MS, ROW_KEY_LIFE_MS]);
  await client.query(pruneTopics);
}
