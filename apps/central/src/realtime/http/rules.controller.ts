import { Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { ReloadRules } from './reload-rules';

class ReloadedRulesDto {
  @ApiProperty({ description: 'Rules in force.', example: 4 })
  topics: number;

  @ApiProperty({ description: 'When the file was read.', example: '2026-11-21T12:00:00.000Z' })
  loadedAt: string;
}

@ApiTags('realtime')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'REALTIME_FILE_INVALID')
@Access('admin')
@Controller('operators/realtime')
export class RulesController {
  constructor(private readonly rules: ReloadRules) {}

  @Post('reload')
  @HttpCode(200)
  @ApiOperation({ summary: 'Read the file of topics again; a file with a mistake changes nothing' })
  @ApiOkResponse({ type: ReloadedRulesDto })
  async reload(): Promise<ReloadedRulesDto> {
    return this.rules.reload();
  }
}
