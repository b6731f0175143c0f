import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '@rivulet/platform';
import type { ScrubResult } from './scrub-result';
import { ScrubResultDto, VerifyBodyDto } from './scrub.dto';
import { ScrubService } from './scrub.service';

@ApiTags('sync')
@Controller('sync')
export class ScrubController {
  constructor(private readonly scrub: ScrubService) {}

  @Post('verify')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Read all mirrors now, and compare them with what was applied; answers when it has finished',
  })
  @ApiBody({ type: VerifyBodyDto, required: false })
  @ApiOkResponse({
    description: 'What was found, and what was done about it. See `status`.',
    type: ScrubResultDto,
  })
  @ApiProblems('REQUEST_INVALID', 'MEDIA_TYPE_UNSUPPORTED', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
  async verify(@Body() { repair }: VerifyBodyDto): Promise<ScrubResult> {
    return this.scrub.scrub('operator', repair);
  }
}
