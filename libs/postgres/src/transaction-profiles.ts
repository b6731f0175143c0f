import { canonicalSettings } from './canonical-session';
import type { TransactionOptions } from './transaction';

/** Reads the data owner's rows from one snapshot, in their canonical form. */
export function readSource(statementTimeoutMs: number): TransactionOptions {
  return {
    isolation: 'REPEATABLE READ',
    readOnly: true,
    statementTimeoutMs,
    lockTimeoutMs: 10_000,
    idleTimeoutMs: 60_000,
    settings: canonicalSettings,
  };
}

/** Reads definitions. */
export const readCatalogue: TransactionOptions = {
  readOnly: true,
  statementTimeoutMs: 30_000,
  lockTimeoutMs: 5_000,
  idleTimeoutMs: 30_000,
};

/** Writes Rivulet's own tables. */
export const ownTables: TransactionOptions = {
  statementTimeoutMs: 30_000,
  lockTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
};

/** Writes and proves mirrors. */
export function applyMirrors(statementTimeoutMs: number, lockTimeoutMs: number): TransactionOptions {
  return { statementTimeoutMs, lockTimeoutMs, idleTimeoutMs: 60_000 };
}
