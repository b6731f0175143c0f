import type { TableSchema } from '@rivulet/protocol';

/** What a mirror looks like. */
export type MirrorShape = Pick<TableSchema, 'name' | 'schema' | 'table' | 'columns' | 'key'>;
