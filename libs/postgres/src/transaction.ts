import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import { expectStatementLimit } from './connections/database-client';

export interface TransactionOptions {
  isolation?: 'READ COMMITTED' | 'REPEATABLE READ';
  readOnly?: boolean;
  /** For each statement. 0 means no limit. */
  statementTimeoutMs: number;
  /** For each lock. 0 means no limit. */
  lockTimeoutMs: number;
  /** How long the transaction may be idle before the server ends it, so that a hanging process holds no snapshot. */
  idleTimeoutMs: number;
  /** For the rest of the transaction. */
  settings?: Readonly<Record<string, string>>;
  /** A statement without parameters that is sent with the beginning, such as one that takes a lock. */
  first?: string;
}

/** Runs `work` in one transaction: commits its changes, or rolls them back and rethrows its error. */
export async function inTransaction<T>(
  client: ClientBase,
  options: TransactionOptions,
  work: () => Promise<T>,
): Promise<T> {
  const restoreLimit = expectStatementLimit(client, options.statementTimeoutMs);
  try {
    await client.query(beginning(options));
    const result = await work();
    // After a failed statement whose error `work` swallowed, COMMIT rolls back without an error.
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT')
      throw new Error('The transaction was rolled back: a statement in it had failed.');
    return result;
  } catch (error) {
    // Fails only if the connection is lost, and then the server rolls back by itself.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    restoreLimit();
  }
}

/** In one message: each round trip is a good part of what a short transaction costs. */
function beginning({
  isolation,
  readOnly,
  statementTimeoutMs,
  lockTimeoutMs,
  idleTimeoutMs,
  settings = {},
  first,
}: TransactionOptions): string {
  const pinned = Object.entries(settings).map(
    ([name, value]) => `SET LOCAL ${escapeIdentifier(name)} = ${escapeLiteral(value)}`,
  );
  const begin = `BEGIN ISOLATION LEVEL ${isolation ?? 'READ COMMITTED'} ${readOnly === true ? 'READ ONLY' : 'READ WRITE'};
    SET LOCAL statement_timeout = ${milliseconds(statementTimeoutMs)};
    SET LOCAL lock_timeout = ${milliseconds(lockTimeoutMs)};
    SET LOCAL idle_in_transaction_session_timeout = ${milliseconds(idleTimeoutMs)}`;
  return [begin, ...pinned, ...(first === undefined ? [] : [first])].join(';\n');
}

/** The largest number that these settings take is that of an int. */
function milliseconds(value: number): number {
  return Math.min(Math.max(0, Math.ceil(value)), 2 ** 31 - 1);
}
