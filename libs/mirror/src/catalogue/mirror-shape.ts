import type { TableSchema } from '@rivulet/protocol';

/** The part of a dataset's schema that defines its mirror. */
export type MirrorShape = Pick<TableSchema, 'name' | 'schema' | 'table' | 'columns' | 'key'>;
