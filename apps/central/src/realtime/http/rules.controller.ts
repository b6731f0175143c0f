import { Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { AuditLog } from '../../users/audit/audit-log';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';
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
  constructor(
    private readonly rules: ReloadRules,
    private readonly audit: AuditLog,
  ) {}

  @Post('reload')
  @HttpCode(200)
  @ApiOperation({ summary: 'Read the file of topics again; a file with a mistake changes nothing' })
  @ApiOkResponse({ type: ReloadedRulesDto })
  async reload(@CurrentCaller() caller: Caller): Promise<ReloadedRulesDto> {
    const reloaded = await this.rules.reload();
    const entry = { action: 'realtime.reload', targetKind: 'realtime', targetId: 'file' };
    await this.audit.record(caller, { ...entry, after: reloaded });
    return reloaded;
  }
}
