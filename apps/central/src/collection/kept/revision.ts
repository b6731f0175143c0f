import { hash } from 'node:crypto';
import type { RunOrder } from '../runs/collection-run';

/** Stands for what is collected, and where to: rows that were read by another query are not those of this one. */
export function revisionOf(schemaId: string, order: RunOrder): string {
  const { name, sqlCommand, targetTable, mode, key } = order;
  return hash('sha256', JSON.stringify([schemaId, name, sqlCommand, targetTable, mode, key]));
}
