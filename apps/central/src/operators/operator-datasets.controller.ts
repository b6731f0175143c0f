import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import {
  DatasetsOperations,
  type LoadedDatasets,
  type ReloadedDatasets,
} from './datasets-operations.service';
import { AuditLog } from '../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../users/audit/current-caller';
import { LoadedDatasetsDto, ReloadedDatasetsDto } from './datasets.dto';

/** For operators. */
@ApiTags('operators')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN')
@ApiProblems('SOURCE_UNAVAILABLE', 'DATABASE_UNAVAILABLE')
@Access('viewer')
@Controller('operators/datasets')
export class OperatorDatasetsController {
  constructor(
    private readonly operations: DatasetsOperations,
    private readonly audit: AuditLog,
  ) {}

  @Get()
  @ApiOperation({ summary: 'See which datasets are loaded, and how their changes are noticed' })
  @ApiOkResponse({ type: LoadedDatasetsDto })
  async list(): Promise<LoadedDatasets> {
    return this.operations.list();
  }

  @Access('operator')
  @Post('reload')
  @HttpCode(200)
  @ApiOperation({ summary: 'Read the datasets file again; a file with a mistake changes nothing' })
  @ApiOkResponse({ type: ReloadedDatasetsDto })
  @ApiProblems('DATASETS_FILE_INVALID')
  async reload(@CurrentCaller() caller: Caller): Promise<ReloadedDatasets> {
    const reloaded = await this.operations.reload();
    const entry = { action: 'datasets.reload', targetKind: 'datasets', targetId: 'file' };
    await this.audit.record(caller, { ...entry, after: reloaded });
    return reloaded;
  }
}
