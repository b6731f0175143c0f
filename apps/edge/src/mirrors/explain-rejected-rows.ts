import { RivuletError } from '@rivulet/errors';
import type { MirrorPlace } from '@rivulet/mirror';
import { sqlState, type PostgresError } from '@rivulet/postgres';
import { escapeIdentifier } from 'pg';

/**
 * Says which rule of an application rejects the rows of the manifest: one of its constraints, indexes or triggers on a
 * mirror. Undefined for any other error.
 *
 * @param mirrors of the manifest
 */
export function explainRejectedRows(
  error: PostgresError,
  mirrors: readonly MirrorPlace[],
): RivuletError | undefined {
  const { schema, table, constraint = 'a constraint', column, message } = error;
  if (isOfTrigger(error)) return rejected(error, `A trigger or function rejects the rows: ${message}`);
  const mirror = mirrors.find((candidate) => candidate.schema === schema && candidate.table === table);
  if (mirror === undefined) return undefined;
  const place = `${mirror.schema}.${mirror.table}`;
  switch (error.code) {
    case sqlState.uniqueViolation:
    case sqlState.exclusionViolation:
      return rejected(
        error,
        `The unique index ${constraint} on ${place} rejects the rows: ${error.detail ?? message}`,
        `Drop ${constraint} on this device, or correct the rows at the source.`,
      );
    case sqlState.foreignKeyViolation:
      return rejected(
        error,
        `The foreign key ${constraint} of ${place} rejects the rows: ${error.detail ?? message}`,
        `Mirrors change one after the other: ${deferring(mirror, constraint)}. If it still fails, drop the foreign key.`,
      );
    case sqlState.checkViolation:
      return rejected(
        error,
        `The constraint ${constraint} on ${place} rejects a row`,
        `Drop ${constraint} on this device, or correct the rows at the source.`,
      );
    case sqlState.notNullViolation:
      return rejected(
        error,
        `The column ${column} of ${place} was made NOT NULL on this device, and a row has no value there`,
        `Run ALTER TABLE ${quoted(mirror)} ALTER ${escapeIdentifier(column ?? '')} DROP NOT NULL.`,
      );
    default:
      return undefined;
  }
}

/** Raised by RAISE, or anything that failed within a function. Its message is the application's. */
function isOfTrigger({ code, where = '' }: PostgresError): boolean {
  return code === 'P0001' || /^(PL\/|SQL function)/m.test(where);
}

function deferring(mirror: MirrorPlace, constraint: string): string {
  return `run ALTER TABLE ${quoted(mirror)} ALTER CONSTRAINT ${escapeIdentifier(constraint)} DEFERRABLE`;
}

function quoted({ schema, table }: MirrorPlace): string {
  return `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`;
}

function rejected(cause: PostgresError, message: string, cure?: string): RivuletError {
  return new RivuletError('MIRROR_REJECTS_ROWS', message.endsWith('.') ? message : `${message}.`, {
    cause,
    ...(cure === undefined ? {} : { nextStep: `Nothing was applied. ${cure}` }),
  });
}
