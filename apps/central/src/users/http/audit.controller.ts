import { Readable } from 'node:stream';
import { Controller, Get, Query, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { AuditList, type AuditFilter } from '../audit/audit-list';
import { AuditFilterDto, AuditPageDto, AuditQueryDto } from './audit.dto';

/** Who changed what. */
@ApiTags('audit')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('admin')
@Controller('audit')
export class AuditController {
  constructor(private readonly audit: AuditList) {}

  @Get()
  @ApiOperation({ summary: 'Read the audit log, the latest first, a page at a time' })
  @ApiOkResponse({ type: AuditPageDto })
  async page(@Query() { limit = 100, cursor, ...filter }: AuditQueryDto): Promise<AuditPageDto> {
    return this.audit.page(filterOf(filter), limit, cursor);
  }

  @Get('export')
  @ApiOperation({ summary: 'Export the audit log, one JSON document a line' })
  @ApiProduces('application/x-ndjson')
  @ApiOkResponse({ content: { 'application/x-ndjson': { schema: { type: 'string' } } } })
  export(@Query() filter: AuditFilterDto): StreamableFile {
    return new StreamableFile(Readable.from(this.audit.export(filterOf(filter)), { objectMode: false }), {
      type: 'application/x-ndjson',
      disposition: 'attachment; filename="audit.ndjson"',
    });
  }
}

function filterOf({ since, until, ...same }: AuditFilterDto): AuditFilter {
  return {
    ...same,
    since: since === undefined ? undefined : new Date(since),
    until: until === undefined ? undefined : new Date(until),
  };
}
