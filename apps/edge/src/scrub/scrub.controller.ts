import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import type { ScrubResult } from '../state/scrub-result';
import { ScrubBodyDto, ScrubResultDto } from './scrub.dto';
import { ScrubService } from './scrub.service';

@ApiTags('sync')
@Access('local')
@Controller('sync')
export class ScrubController {
  constructor(private readonly scrub: ScrubService) {}

  @Post('verify')
  @HttpCode(200)
  @ApiOperation({
    summary:
      'Scrub: read all mirrors now and compare them with what was applied; answers when it has finished',
  })
  @ApiBody({ type: ScrubBodyDto, required: false })
  @ApiOkResponse({
    description: 'The deviations, and the repair if there was one. See `status`.',
    type: ScrubResultDto,
  })
  @ApiProblems('REQUEST_INVALID', 'REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED')
  @ApiProblems('SHUTTING_DOWN', 'DATABASE_UNAVAILABLE', 'DATABASE_TABLES_MISSING')
  async scrubNow(@Body() { repair }: ScrubBodyDto): Promise<ScrubResult> {
    return this.scrub.scrub('operator', repair);
  }
}
