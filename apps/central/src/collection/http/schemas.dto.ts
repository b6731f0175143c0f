import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsString,
  Max,
  MaxLength,
  Min,
  MinLength,
} from 'class-validator';
import { collectionModes, DEFAULT_OVERLAP, type CollectionMode } from '../definitions/collection-schema';
import { exampleTime, exampleUlid, IsSqlName, IsTitle } from './field-rules';

const exampleSql = 'SELECT * FROM users WHERE updated_at > ?';
const OVERLAP_MAX = 2_147_483_647;

/** The schema as a whole: what a change leaves out has its default again. */
export class NewSchemaDto {
  @ApiProperty({ description: 'The display name.', example: 'User Data Sync', maxLength: 200 })
  @IsTitle()
  name: string;

  @ApiProperty({
    description: 'One query. Its parameter, `?`, is the highest watermark that is committed here.',
    example: exampleSql,
    maxLength: 50_000,
  })
  @MaxLength(50_000)
  @MinLength(1)
  @IsString()
  sql_command: string;

  @ApiProperty({
    description: 'The table in the schema `collected` that the rows get into.',
    example: 'sync_users',
  })
  @IsSqlName()
  target_table: string;

  @ApiPropertyOptional({
    description: 'How rows are taken. Default: `append` for a query with `?`, `mirror` for any other.',
    enum: collectionModes,
  })
  @Omittable()
  @IsIn(collectionModes)
  mode?: CollectionMode;

  @ApiPropertyOptional({
    description: 'The columns that tell the rows of a network apart.',
    default: ['id'],
    type: [String],
    maxItems: 16,
  })
  @Omittable()
  @IsSqlName({ each: true })
  @ArrayUnique()
  @ArrayMaxSize(16)
  @ArrayMinSize(1)
  @IsArray()
  key?: string[];

  @ApiPropertyOptional({
    description: 'The column of the watermark. Default: the one that is compared with `?`.',
    example: 'updated_at',
  })
  @Omittable()
  @IsSqlName()
  watermark_column?: string;

  @ApiPropertyOptional({
    description: 'How far below the watermark a run begins: seconds for a time, units for a number.',
    default: DEFAULT_OVERLAP,
    minimum: 0,
    maximum: OVERLAP_MAX,
  })
  @Omittable()
  @Max(OVERLAP_MAX)
  @Min(0)
  @IsInt()
  overlap?: number;
}

export class SchemaDto {
  @ApiProperty({ description: 'ULID.', example: exampleUlid })
  id: string;

  @ApiProperty({ description: 'The display name.', example: 'User Data Sync' })
  name: string;

  @ApiProperty({ description: 'The query.', example: exampleSql })
  sql_command: string;

  @ApiProperty({ description: 'The table in the schema `collected`.', example: 'sync_users' })
  target_table: string;

  @ApiProperty({ description: 'How rows are taken.', enum: collectionModes })
  mode: CollectionMode;

  @ApiProperty({ description: 'The key of its rows.', example: ['id'], type: [String] })
  key: string[];

  @ApiProperty({
    description: 'The column of the watermark.',
    example: 'updated_at',
    nullable: true,
    type: String,
  })
  watermark_column: string | null;

  @ApiProperty({ description: 'How far below the watermark a run begins.', example: 300 })
  overlap: number;

  @ApiProperty({ description: 'When it was created.', example: exampleTime })
  created_at: Date;

  @ApiProperty({ description: 'When it was changed last.', example: exampleTime })
  updated_at: Date;
}
