import { setTimeout as delay } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import type { Backend } from './session-settings';

/** Bounds the connection as well as the question. */
const ANSWER_WITHIN_MS = 3_000;

/** A network that lost one connection may lose the next. */
const END_ATTEMPTS = 3;
const END_AGAIN_AFTER_MS = 5_000;

/** The server's view of the session that does not answer. */
export type BackendActivity =
  /** It is at work on a statement. */
  | 'working'
  /** It is in a statement, and waits for bytes from us or for room to send. */
  | 'waiting for us'
  /** It has nothing to do, or has ended: what it was sent, or what it answered, is lost. */
  | 'unaware'
  /** The server could not be asked, or may not say. */
  | 'unknown';

const findBackend = `
SELECT state, wait_event AS "waitEvent" FROM pg_stat_activity
WHERE pid = $1 AND extract(epoch FROM backend_start)::text = $2`;

const endBackend = `
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = $1 AND extract(epoch FROM backend_start)::text = $2`;

/** Asks the server through a connection of its own. */
export async function activityOf(config: ClientConfig, backend: Backend): Promise<BackendActivity> {
  try {
    return activityIn(await ask<ActivityRow>(config, findBackend, backend));
  } catch {
    return 'unknown';
  }
}

/**
 * Ends the session at the server, which may take hours to notice that nobody is there: until then it would keep its locks
 * and its transaction. A role may end sessions of its own. That it cannot be done changes nothing for us.
 */
export async function endAtServer(
  config: ClientConfig,
  backend: Backend,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let attempt = 1; attempt <= END_ATTEMPTS; attempt++) {
    try {
      await ask(config, endBackend, backend);
      return;
    } catch {
      const options = { ref: false, ...(signal && { signal }) };
      if (!(await delay(END_AGAIN_AFTER_MS, true, options).catch(() => false))) return;
    }
  }
}

interface ActivityRow {
  state: string | null;
  waitEvent: string | null;
}

function activityIn([row]: ActivityRow[]): BackendActivity {
  if (row === undefined) return 'unaware';
  const { state, waitEvent } = row;
  if (state === null || state === 'disabled') return 'unknown';
  if (state.startsWith('idle')) return 'unaware';
  return waitEvent === 'ClientRead' || waitEvent === 'ClientWrite' ? 'waiting for us' : 'working';
}

async function ask<Row extends object>(
  config: ClientConfig,
  question: string,
  { pid, startedAt }: Backend,
): Promise<Row[]> {
  const client = new Client({
    ...config,
    application_name: 'rivulet connection check',
    connectionTimeoutMillis: ANSWER_WITHIN_MS,
    query_timeout: ANSWER_WITHIN_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<Row>(question, [pid, startedAt]);
    return rows;
  } finally {
    // No goodbye, for which a server that has stopped would be waited for.
    client.connection.stream.destroy();
  }
}
