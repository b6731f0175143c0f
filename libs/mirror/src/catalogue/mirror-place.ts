import { DEFAULT_SCHEMA } from '@rivulet/protocol';
import { escapeIdentifier } from 'pg';

/** Schema and name of a table. */
export interface MirrorPlace {
  schema: string;
  table: string;
}

export function qualifiedName({ schema, table }: MirrorPlace): string {
  return `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`;
}

/** A map key for a place. */
export function placeKey({ schema, table }: MirrorPlace): string {
  return JSON.stringify([schema, table]);
}

/** For messages. */
export function placeText({ schema, table }: MirrorPlace): string {
  return schema === DEFAULT_SCHEMA ? table : `${schema}.${table}`;
}
