import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { ChangedDataset } from '@rivulet/datasets';
import type {
  LoadedDataset,
  LoadedDatasets,
  ReloadedDatasets,
  TrackedTable,
  WatchedTables,
} from './datasets-operations.service';

const exampleVersion = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const exampleTime = '2026-11-21T08:15:30.000Z';

class LoadedFileDto {
  @ApiProperty({ description: 'The datasets file.', example: 'db/datasets.yaml' })
  path: string;

  @ApiProperty({ description: 'When it was read.', example: exampleTime })
  loadedAt: string;

  @ApiProperty({ description: 'The schema version of the manifests that it makes.', example: exampleVersion })
  schemaVersion: string;
}

export class TrackedTableDto implements TrackedTable {
  @ApiProperty({ description: 'The table.', example: 'public.group_members' })
  table: string;

  @ApiPropertyOptional({
    description:
      'A changed row counts only for the devices whose parameters meet one of these, before or after the change.',
    example: ['group_id = ANY (:group_ids)'],
  })
  conditions?: string[];

  @ApiPropertyOptional({
    description:
      'Why each change of the table counts for all devices, where that is so, and what to do about it.',
    example: 'the query has no parameter',
  })
  wholeTableBecause?: string;
}

export class WatchedTablesDto implements WatchedTables {
  @ApiProperty({
    description: 'The tables behind its query whose changes are noticed.',
    example: ['public.users', 'public.group_members'],
  })
  watchedTables: string[];

  @ApiProperty({
    description: 'Which changes of these tables have its rows read again, and for which devices.',
    type: [TrackedTableDto],
  })
  tracking: TrackedTableDto[];

  @ApiPropertyOptional({
    description: 'Why its rows are read again after an interval, where that is so.',
    example: 'it asks for CURRENT_DATE',
  })
  polledBecause?: string;
}

export class DatasetColumnDto {
  @ApiProperty({ description: 'Its name.', example: 'email' })
  name: string;

  @ApiProperty({ description: 'The type that it has on the device.', example: 'text' })
  type: string;
}

export class LoadedDatasetDto extends WatchedTablesDto implements LoadedDataset {
  @ApiProperty({ description: "The dataset's name.", example: 'users' })
  name: string;

  @ApiProperty({ description: 'The schema of the table on the device.', example: 'public' })
  schema: string;

  @ApiProperty({ description: 'The table on the device.', example: 'users' })
  table: string;

  @ApiProperty({ description: 'The columns that identify a row.', example: ['id'] })
  key: string[];

  @ApiProperty({ description: 'The columns, those of the key first.', type: [DatasetColumnDto] })
  columns: DatasetColumnDto[];

  @ApiProperty({
    description: 'The columns of further indexes on the device.',
    type: 'array',
    items: { type: 'array', items: { type: 'string' } },
    example: [['email']],
  })
  indexes: string[][];

  @ApiPropertyOptional({
    description:
      'The columns by which changed rows are found, so that only the chunks with them are re-read.',
    example: ['id'],
  })
  changedRowsBy?: string[];

  @ApiPropertyOptional({
    description: 'Why all of it is re-read after a change, where that is so, and what to do about it.',
    example: 'it reads several tables, or one with partitions, children or parents',
  })
  readWholeBecause?: string;
}

export class LoadedDatasetsDto extends LoadedFileDto implements LoadedDatasets {
  @ApiPropertyOptional({
    description: 'Why the source no longer fits the file, so that no device can sync.',
    example:
      'db/datasets.yaml:12:14: PostgreSQL rejects the query of dataset users: column u.email does not exist.',
  })
  problem?: string;

  @ApiProperty({ description: 'Host, port and name of the source.', example: 'db.example:5432/company' })
  source: string;

  @ApiProperty({ description: 'The tables that the scope query reads.', type: WatchedTablesDto })
  scope: WatchedTablesDto;

  @ApiProperty({ description: 'The datasets, in the order of the file.', type: [LoadedDatasetDto] })
  datasets: LoadedDatasetDto[];
}

export class ChangedDatasetDto implements ChangedDataset {
  @ApiProperty({ description: "The dataset's name.", example: 'users' })
  name: string;

  @ApiProperty({
    description: 'The changed parts: its query, its columns, or other fields of the file.',
    example: ['query', 'columns'],
  })
  what: string[];
}

export class ReloadedDatasetsDto extends LoadedFileDto implements ReloadedDatasets {
  @ApiProperty({ description: 'Whether the scope query or its columns have changed.', example: false })
  scopeChanged: boolean;

  @ApiProperty({ description: 'Datasets that were not there before.', example: ['areas'] })
  added: string[];

  @ApiProperty({ description: 'Datasets that are no longer there.', example: [] })
  removed: string[];

  @ApiProperty({ description: 'Datasets that have changed.', type: [ChangedDatasetDto] })
  changed: ChangedDatasetDto[];
}
