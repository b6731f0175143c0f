import type { ClientBase, Pool } from 'pg';
import type { Appended, NewMessage } from '../history';
import { appendMessages, createTopics } from './history-sql';

interface AppendedRow {
  place: number;
  position: string;
  publishedAt: Date;
  epoch: string;
}

/** One statement; three when a topic is new, or was removed just now. */
export async function appendNow(
  database: Pool | ClientBase,
  messages: readonly NewMessage[],
): Promise<Appended[]> {
  if (messages.length === 0) return [];
  for (;;) {
    const rows = await appendRows(database, messages);
    if (rows.length > 0) return rows.map((row) => toAppended(messages[row.place - 1]!, row));
    await database.query(createTopics, [[...new Set(messages.map(({ topic }) => topic))]]);
  }
}

async function appendRows(
  database: Pool | ClientBase,
  messages: readonly NewMessage[],
): Promise<AppendedRow[]> {
  const { rows } = await database.query<AppendedRow>({
    name: 'rivulet realtime append',
    text: appendMessages,
    values: [
      messages.map(({ topic }) => topic),
      messages.map(({ id }) => id),
      messages.map(({ data }) => data),
      messages.map(({ from }) => from ?? null),
      messages.map(({ history }) => history.size),
      messages.map(({ history }) => history.ageMs),
    ],
  });
  return rows;
}

function toAppended(message: NewMessage, { position, publishedAt, epoch }: AppendedRow): Appended {
  const { topic, id, data, from } = message;
  return {
    epoch,
    message: { topic, id, data, from, position: Number(position), publishedAtMs: publishedAt.getTime() },
    isDuplicate: false,
  };
}
