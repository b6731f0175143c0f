import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { OwnTables } from '@rivulet/platform';
import { hasSqlState, sqlState } from '@rivulet/postgres';
import { monotonicFactory } from 'ulid';
import type { CollectionSchema, NewSchema } from './collection-schema';

const columns = `
  schema_id AS "schemaId", name, sql_command AS "sqlCommand", target_table AS "targetTable", mode, key,
  watermark_column AS "watermarkColumn", overlap::float8 AS overlap, created_at AS "createdAt", updated_at AS "updatedAt"`;

@Injectable()
export class SchemaStore {
  private readonly nextUlid = monotonicFactory();

  constructor(private readonly tables: OwnTables) {}

  /** By name. */
  async list(limit: number): Promise<CollectionSchema[]> {
    return this.tables.rows<CollectionSchema>(
      `SELECT ${columns} FROM rivulet.collection_schemas ORDER BY name COLLATE "C", schema_id LIMIT $1`,
      [limit],
    );
  }

  /** @throws RivuletError COLLECTION_SCHEMA_UNKNOWN */
  async get(schemaId: string): Promise<CollectionSchema> {
    const [found] = await this.tables.rows<CollectionSchema>(
      `SELECT ${columns} FROM rivulet.collection_schemas WHERE schema_id = $1`,
      [schemaId],
    );
    return found ?? unknown(schemaId);
  }

  /** @throws RivuletError COLLECTION_TARGET_TAKEN */
  async create(schema: NewSchema): Promise<CollectionSchema> {
    const [created] = await this.write(
      `INSERT INTO rivulet.collection_schemas
         (schema_id, name, sql_command, target_table, mode, key, watermark_column, overlap)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${columns}`,
      this.nextUlid(),
      schema,
    );
    return created!;
  }

  /** Tasks held because of the schema are tried again. @throws RivuletError COLLECTION_SCHEMA_UNKNOWN · COLLECTION_TARGET_TAKEN */
  async replace(schemaId: string, schema: NewSchema): Promise<CollectionSchema> {
    const [changed] = await this.write(
      `WITH freed AS (
         DELETE FROM rivulet.collection_holds USING rivulet.collection_jobs AS job
         WHERE collection_holds.job_id = job.job_id AND job.schema_id = $1
       ), moved AS (
         -- Another target or key begins from nothing.
         DELETE FROM rivulet.collection_positions USING rivulet.collection_schemas AS schema
         WHERE collection_positions.schema_id = $1 AND schema.schema_id = $1
           AND (schema.target_table, schema.mode, schema.key) IS DISTINCT FROM ($4, $5, $6)
       )
       UPDATE rivulet.collection_schemas SET name = $2, sql_command = $3, target_table = $4, mode = $5, key = $6,
         watermark_column = $7, overlap = $8, updated_at = now() WHERE schema_id = $1 RETURNING ${columns}`,
      schemaId,
      schema,
    );
    return changed ?? unknown(schemaId);
  }

  /** Its target table stays: the rows are data. @throws RivuletError COLLECTION_SCHEMA_UNKNOWN · COLLECTION_SCHEMA_IN_USE */
  async remove(schemaId: string): Promise<void> {
    try {
      const removed = await this.tables.rows(
        `WITH forgotten AS (DELETE FROM rivulet.collection_positions WHERE schema_id = $1)
         DELETE FROM rivulet.collection_schemas WHERE schema_id = $1 RETURNING schema_id`,
        [schemaId],
      );
      if (removed.length === 0) unknown(schemaId);
    } catch (error) {
      if (!hasSqlState(error, sqlState.foreignKeyViolation)) throw error;
      throw new RivuletError('COLLECTION_SCHEMA_IN_USE', `Jobs use schema ${schemaId}.`, { cause: error });
    }
  }

  private async write(text: string, schemaId: string, schema: NewSchema): Promise<CollectionSchema[]> {
    const { name, sqlCommand, targetTable, mode, key, watermarkColumn, overlap } = schema;
    const values = [schemaId, name, sqlCommand, targetTable, mode, key, watermarkColumn, overlap];
    try {
      return await this.tables.rows<CollectionSchema>(text, values);
    } catch (error) {
      if (!hasSqlState(error, sqlState.uniqueViolation)) throw error;
      throw new RivuletError(
        'COLLECTION_TARGET_TAKEN',
        `Another schema has the target table ${targetTable}.`,
        { cause: error },
      );
    }
  }
}

function unknown(schemaId: string): never {
  throw new RivuletError('COLLECTION_SCHEMA_UNKNOWN', `There is no schema ${schemaId}.`);
}
