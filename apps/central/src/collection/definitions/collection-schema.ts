import { requestInvalid } from '@rivulet/platform';
import { parseWatermarkQuery, QueryTextError, watermarkColumnOf } from '@rivulet/snapshot';

export const collectionModes = ['mirror', 'append', 'snapshot'] as const;

/**
 * `mirror`: the target has exactly the rows that the query gives · `append`: rows above a watermark are added or replaced ·
 * `snapshot`: the rows of each run are kept.
 */
export type CollectionMode = (typeof collectionModes)[number];

/** Seconds for a time, units for a number: how far below the watermark the next run begins. */
export const DEFAULT_OVERLAP = 300;

/** The schema of the database that target tables are in. */
export const TARGET_SCHEMA = 'collected';

/** Columns that central adds to each row. */
export const OWN_COLUMNS = ['network_id', 'collected_at', 'run_id'] as const;

/** A query to read at networks, and the table that its rows are written to. */
export interface CollectionSchema {
  schemaId: string;
  name: string;
  sqlCommand: string;
  targetTable: string;
  mode: CollectionMode;
  key: string[];
  watermarkColumn: string | null;
  overlap: number;
  createdAt: Date;
  updatedAt: Date;
}

export interface SchemaFields {
  name: string;
  sqlCommand: string;
  targetTable: string;
  mode?: CollectionMode | undefined;
  key?: string[] | undefined;
  watermarkColumn?: string | undefined;
  overlap?: number | undefined;
}

export type NewSchema = Pick<
  CollectionSchema,
  'name' | 'sqlCommand' | 'targetTable' | 'mode' | 'key' | 'watermarkColumn' | 'overlap'
>;

/**
 * Fills in what a schema leaves out: a query with `?` appends, any other is mirrored; the key is `id`; the watermark is
 * the column that is compared with `?`.
 *
 * @throws RivuletError REQUEST_INVALID
 */
export function completeSchema(fields: SchemaFields): NewSchema {
  const hasParameter = parametersOf(fields.sqlCommand) > 0;
  const mode = fields.mode ?? (hasParameter ? 'append' : 'mirror');
  if (mode !== 'append' && hasParameter)
    throw requestInvalid([{ field: 'sql_command', reason: `has ?, which mode ${mode} has no value for` }]);
  const key = fields.key ?? ['id'];
  const own = key.find((name) => (OWN_COLUMNS as readonly string[]).includes(name));
  if (own !== undefined)
    throw requestInvalid([{ field: 'key', reason: `cannot have ${own}, which central adds itself` }]);
  return {
    name: fields.name,
    sqlCommand: fields.sqlCommand,
    targetTable: fields.targetTable,
    mode,
    key,
    watermarkColumn: mode === 'append' ? watermarkOf(fields, hasParameter) : null,
    overlap: fields.overlap ?? DEFAULT_OVERLAP,
  };
}

function watermarkOf({ sqlCommand, watermarkColumn }: SchemaFields, hasParameter: boolean): string {
  if (!hasParameter)
    throw requestInvalid([
      { field: 'sql_command', reason: 'needs ? for the watermark, as in updated_at > ?' },
    ]);
  const column = watermarkColumn ?? watermarkColumnOf(sqlCommand);
  if (column !== undefined) return column;
  const reason = 'is needed where the query does not compare a column with ?';
  throw requestInvalid([{ field: 'watermark_column', reason }]);
}

function parametersOf(sqlCommand: string): number {
  try {
    return parseWatermarkQuery(sqlCommand).parameters.length;
  } catch (error) {
    if (!(error instanceof QueryTextError)) throw error;
    const reason = `is not one query: ${error.message} (at character ${error.offset + 1})`;
    throw requestInvalid([{ field: 'sql_command', reason }]);
  }
}
