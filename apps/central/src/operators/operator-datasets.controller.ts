import { Controller, Get, HttpCode, Post, UseGuards } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '@rivulet/platform';
import {
  DatasetsOperations,
  type LoadedDatasets,
  type ReloadedDatasets,
} from './datasets-operations.service';
import { LoadedDatasetsDto, ReloadedDatasetsDto } from './datasets.dto';
import { LocalOperatorGuard } from './local-operator.guard';

/** For operators on the machine of central. */
@ApiTags('operators')
@ApiProblems('REQUEST_INVALID', 'OPERATOR_LOCAL_ONLY', 'SHUTTING_DOWN')
@ApiProblems('SOURCE_UNAVAILABLE', 'DATABASE_UNAVAILABLE')
@UseGuards(LocalOperatorGuard)
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
