import { DEFAULT_SCHEMA } from '@rivulet/protocol';
import { escapeIdentifier } from 'pg';

/** Where a table is. */
export interface MirrorPlace {
  schema: string;
  table: string;
}

export function qualifiedName({ schema, table }: MirrorPlace): string {
  return `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`;
}

/** One text for each place. */
export function placeKey({ schema, table }: MirrorPlace): string {
  return JSON.stringify([schema, table]);
}

/** For people. */
export function placeText({ schema, table }: MirrorPlace): string {
  return schema === DEFAULT_SCHEMA ? table : `${schema}.${table}`;
}
