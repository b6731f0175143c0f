import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { EpochService, type RaisedEpoch } from '../device-sync/epoch.service';
import { RaiseEpochDto, RaisedEpochDto } from './epoch.dto';

/** For operators on the machine of central. */
@ApiTags('operators')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED')
@Access('local')
@Controller('operators/epoch')
export class EpochController {
  constructor(private readonly epochs: EpochService) {}

  @Post('raise')
  @HttpCode(200)
  @ApiOperation({ summary: "Raise the epoch after a restore of central's database" })
  @ApiOkResponse({ type: RaisedEpochDto })
  async raise(@Body() { above }: RaiseEpochDto): Promise<RaisedEpoch> {
    return this.epochs.raise(above);
  }
}
