import type { TransactionOptions } from '@rivulet/postgres';

/** Of a transaction that sees one moment of the source and leaves it as it is. */
export function readLimits(statementTimeoutMs: number): TransactionOptions {
  return {
    isolation: 'REPEATABLE READ',
    readOnly: true,
    statementTimeoutMs,
    lockTimeoutMs: 5_000,
    idleTimeoutMs: 60_000,
  };
}
