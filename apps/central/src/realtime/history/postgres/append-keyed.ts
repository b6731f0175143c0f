import { inTransaction, ownTables, withClient } from '@rivulet/postgres';
import type { ClientBase, Pool } from 'pg';
import type { Appended, NewMessage } from '../history';
import { digestOf, keyReused } from '../message-key';
import { appendNow } from './append-now';
import { claimKeys, createTopics, placeKeys, readKeys } from './history-sql';

interface KeyRow {
  key: string;
  digest: string;
  position: string;
  messageId: string;
  publishedAt: Date;
}

/**
 * When several appends have the same key, one appends, and the others wait for its commit.
 *
 * @throws RivuletError IDEMPOTENCY_KEY_REUSED
 */
export async function appendKeyed(pool: Pool, messages: readonly NewMessage[]): Promise<Appended[]> {
  return withClient(pool, (client) =>
    inTransaction(client, ownTables, async () => {
      const keyed = messages.filter(({ key }) => key !== undefined);
      const { rows } = await client.query<{ key: string }>(claimKeys, [
        keyed.map(({ key }) => key),
        keyed.map(digestOf),
      ]);
      const claimed = new Set(rows.map(({ key }) => key));
      const known = await readKnown(
        client,
        keyed.map(({ key }) => key!).filter((key) => !claimed.has(key)),
      );
      const isKnown = ({ key }: NewMessage): boolean => key !== undefined && known.has(key);
      const unknown = messages.filter((message) => !isKnown(message));
      // First, as rows are locked in one order then: a new one is locked from its creation on.
      await client.query(createTopics, [[...new Set(unknown.map(({ topic }) => topic))]]);
      const appended = await appendNow(client, unknown);
      await place(client, unknown, appended);
      const epoch = appended[0]?.epoch ?? (await readEpoch(client));
      const fresh = appended.values();
      return messages.map((message) =>
        isKnown(message) ? duplicateOf(epoch, message, known.get(message.key!)!) : fresh.next().value!,
      );
    }),
  );
}

async function readKnown(client: ClientBase, keys: string[]): Promise<Map<string, KeyRow>> {
  if (keys.length === 0) return new Map();
  const { rows } = await client.query<KeyRow>(readKeys, [keys]);
  return new Map(rows.map((row) => [row.key, row]));
}

async function readEpoch(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ epoch: string }>(
    `SELECT realtime_store.id || '-' || epoch AS epoch FROM rivulet.realtime_store, rivulet.central_state`,
  );
  return rows[0]!.epoch;
}

async function place(
  client: ClientBase,
  messages: readonly NewMessage[],
  appended: readonly Appended[],
): Promise<void> {
  const placed = messages.flatMap(({ key }, index) =>
    key === undefined ? [] : { key, ...appended[index]! },
  );
  await client.query(placeKeys, [
    placed.map(({ key }) => key),
    placed.map(({ message }) => message.position),
    placed.map(({ message }) => message.id),
  ]);
}

function duplicateOf(epoch: string, message: NewMessage, row: KeyRow): Appended {
  if (row.digest !== digestOf(message)) throw keyReused(row.key);
  const { topic, data, from } = message;
  const position = Number(row.position);
  return {
    epoch,
    message: { topic, position, id: row.messageId, data, from, publishedAtMs: row.publishedAt.getTime() },
    isDuplicate: true,
  };
}
