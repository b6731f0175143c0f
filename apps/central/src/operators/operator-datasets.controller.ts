import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import {
  DatasetsOperations,
  type LoadedDatasets,
  type ReloadedDatasets,
} from './datasets-operations.service';
import { LoadedDatasetsDto, ReloadedDatasetsDto } from './datasets.dto';

/** For operators on the machine of central. */
@ApiTags('operators')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN')
@ApiProblems('SOURCE_UNAVAILABLE', 'DATABASE_UNAVAILABLE')
@Access('local')
@Controller('operators/datasets')
export class OperatorDatasetsController {
  constructor(private readonly operations: DatasetsOperations) {}

  @Get()
  @ApiOperation({ summary: 'See which datasets are loaded, and how their changes are noticed' })
  @ApiOkResponse({ type: LoadedDatasetsDto })
  async list(): Promise<LoadedDatasets> {
    return this.operations.list();
  }

  @Post('reload')
  @HttpCode(200)
  @ApiOperation({ summary: 'Read the datasets file again; a file with a mistake changes nothing' })
  @ApiOkResponse({ type: ReloadedDatasetsDto })
  @ApiProblems('DATASETS_FILE_INVALID')
  async reload(): Promise<ReloadedDatasets> {
    return this.operations.reload();
  }
}
