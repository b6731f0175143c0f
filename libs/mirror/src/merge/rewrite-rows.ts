import { RivuletError } from '@rivulet/errors';
import { hasSqlState, sqlState, type PostgresError } from '@rivulet/postgres';
import { escapeIdentifier, type ClientBase } from 'pg';
import { placeText } from '../catalogue/mirror-place';
import { lookUpOrMerge, withSettings } from '../ranges/planner-settings';
import type { Mirror } from '../table/mirror-table';
import { sameKey } from './same-key';

/** The objects that applications have made of a mirror, as far as they decide how its rows can be changed. */
export interface RowRules {
  /** Whether values other than the key must be unique, or exclude each other. */
  hasUniqueValues: boolean;
  /** Whether a foreign key refers to it that does something when a row is deleted, even if the row comes back at once. */
  actsOnDelete: boolean;
}

const selectRules = `
  SELECT EXISTS (SELECT FROM pg_index
                 WHERE indrelid = mirror AND (indisunique OR indisexclusion) AND NOT indisprimary) AS "hasUniqueValues",
         EXISTS (SELECT FROM pg_constraint
                 WHERE confrelid = mirror AND contype = 'f' AND confdeltype <> 'a') AS "actsOnDelete"
  FROM (SELECT $1::regclass AS mirror) AS named`;

export async function readRowRules(client: ClientBase, { qualifiedName }: Mirror): Promise<RowRules> {
  return (await client.query<RowRules>(selectRules, [qualifiedName])).rows[0]!;
}

/** Whether rows exchange values of an index that an application has made, or the new rows violate it. */
export function isTaken(error: unknown): error is PostgresError {
  return hasSqlState(error, sqlState.uniqueViolation, sqlState.exclusionViolation);
}

/**
 * Writes the rows of `rivulet_rows` that the mirror does not have or has otherwise, and deletes them before: PostgreSQL
 * checks an index with each row that it writes, so an UPDATE cannot exchange two values. One statement, at whose end a
 * foreign key that refers to the rows finds them again.
 *
 * @returns how many rows there were before, and how many were written
 */
export async function rewriteStagedRows(
  client: ClientBase,
  mirror: Mirror,
): Promise<{ updated: number; written: number }> {
  const names = mirror.columns.map((column) => escapeIdentifier(column.name));
  const { rows } = await withSettings(client, lookUpOrMerge, () =>
    client.query<{ updated: string; written: string }>(`
      WITH gone AS (
        DELETE FROM ${mirror.qualifiedName} AS mirror USING pg_temp.rivulet_rows AS staged
        WHERE ${sameKey(mirror)} AND mirror.* *<> staged.* RETURNING 1
      ), counted AS MATERIALIZED (
        -- All are deleted before the first row is written, which needs this count.
        SELECT count(*) AS updated FROM gone
      ), written AS (
        INSERT INTO ${mirror.qualifiedName} (${names.join(', ')})
        SELECT ${names.map((name) => `staged.${name}`).join(', ')}
        FROM counted CROSS JOIN pg_temp.rivulet_rows AS staged
        WHERE counted.updated >= 0 AND NOT EXISTS (
          SELECT FROM ${mirror.qualifiedName} AS mirror WHERE ${sameKey(mirror)} AND NOT mirror.* *<> staged.*)
        RETURNING 1
      )
      SELECT updated, (SELECT count(*) FROM written) AS written FROM counted`),
  );
  return { updated: Number(rows[0]!.updated), written: Number(rows[0]!.written) };
}

export function cannotExchange({ place }: Mirror, error: PostgresError): RivuletError {
  return new RivuletError(
    'MIRROR_REJECTS_ROWS',
    `Rows of ${placeText(place)} may exchange values of ${error.constraint}, and deleting and writing them again ` +
      'would set off a foreign key that refers to the table.',
    {
      cause: error,
      nextStep:
        `Nothing was applied. Make ${error.constraint} a DEFERRABLE constraint, or the foreign key ON DELETE NO ACTION; ` +
        'if rows of the source violate it, drop it.',
    },
  );
}
