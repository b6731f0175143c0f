import type { TransactionOptions } from './transaction';

/** Reads rows of the data owner, all of one moment. */
export function readSource(statementTimeoutMs: number): TransactionOptions {
  return {
    isolation: 'REPEATABLE READ',
    readOnly: true,
    statementTimeoutMs,
    lockTimeoutMs: 10_000,
    idleTimeoutMs: 60_000,
  };
}

/** Asks how things are defined. */
export const readCatalogue: TransactionOptions = {
  readOnly: true,
  statementTimeoutMs: 30_000,
  lockTimeoutMs: 5_000,
  idleTimeoutMs: 30_000,
};

/** Writes tables of Rivulet's own. */
export const ownTables: TransactionOptions = {
  statementTimeoutMs: 30_000,
  lockTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
};

/** Writes and proves mirrors. */
export function applyMirrors(statementTimeoutMs: number, lockTimeoutMs: number): TransactionOptions {
  return { statementTimeoutMs, lockTimeoutMs, idleTimeoutMs: 60_000 };
}
