import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { AuditLog } from '../../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';
import { completeSchema, type CollectionSchema, type NewSchema } from '../definitions/collection-schema';
import { SchemaStore } from '../definitions/schema-store';
import { idParam } from './field-rules';
import { NewSchemaDto, SchemaDto } from './schemas.dto';

const LISTED_MAX = 1_000;

/** Schemas: queries to collect, and the tables that their rows are written to. */
@ApiTags('collection')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('operator')
@Controller('schemas')
export class SchemasController {
  constructor(
    private readonly schemas: SchemaStore,
    private readonly audit: AuditLog,
  ) {}

  @Access('viewer')
  @Get()
  @ApiOperation({ summary: 'List the schemas: the first 1,000 by name' })
  @ApiOkResponse({ type: [SchemaDto] })
  async list(): Promise<SchemaDto[]> {
    return (await this.schemas.list(LISTED_MAX)).map(toDto);
  }

  @Access('viewer')
  @Get(':id')
  @ApiOperation({ summary: 'See a schema' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: SchemaDto })
  @ApiProblems('COLLECTION_SCHEMA_UNKNOWN')
  async find(@Param('id') id: string): Promise<SchemaDto> {
    return toDto(await this.schemas.get(id));
  }

  @Post()
  @ApiOperation({ summary: 'Create a schema' })
  @ApiCreatedResponse({ type: SchemaDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'COLLECTION_TARGET_TAKEN')
  async create(@Body() body: NewSchemaDto, @CurrentCaller() caller: Caller): Promise<SchemaDto> {
    const schema = schemaOf(body);
    const created = await this.audit.change(caller, {
      action: 'schema.create',
      targetKind: 'schema',
      idOf: ({ schemaId }) => schemaId,
      change: () => this.schemas.create(schema),
    });
    return toDto(created);
  }

  @Put(':id')
  @ApiOperation({ summary: 'Replace a schema; networks that were held because of it are tried again' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: SchemaDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'COLLECTION_TARGET_TAKEN')
  @ApiProblems('COLLECTION_SCHEMA_UNKNOWN')
  async update(
    @Param('id') id: string,
    @Body() body: NewSchemaDto,
    @CurrentCaller() caller: Caller,
  ): Promise<SchemaDto> {
    const schema = schemaOf(body);
    const changed = await this.audit.change(caller, {
      action: 'schema.change',
      targetKind: 'schema',
      targetId: id,
      before: () => this.schemas.get(id),
      change: () => this.schemas.replace(id, schema),
    });
    return toDto(changed);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a schema; its target table stays' })
  @ApiParam(idParam)
  @ApiNoContentResponse({ description: 'It is deleted.' })
  @ApiProblems('COLLECTION_SCHEMA_UNKNOWN', 'COLLECTION_SCHEMA_IN_USE')
  async remove(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    await this.audit.change(caller, {
      action: 'schema.remove',
      targetKind: 'schema',
      targetId: id,
      before: () => this.schemas.get(id),
      change: () => this.schemas.remove(id),
    });
  }
}

function schemaOf(body: NewSchemaDto): NewSchema {
  const {
    sql_command: sqlCommand,
    target_table: targetTable,
    watermark_column: watermarkColumn,
    ...same
  } = body;
  return completeSchema({ ...same, sqlCommand, targetTable, watermarkColumn });
}

function toDto(schema: CollectionSchema): SchemaDto {
  const { schemaId, sqlCommand, targetTable, watermarkColumn, createdAt, updatedAt, ...same } = schema;
  return {
    id: schemaId,
    ...same,
    sql_command: sqlCommand,
    target_table: targetTable,
    watermark_column: watermarkColumn,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}
