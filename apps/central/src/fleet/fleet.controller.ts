import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { FleetSummaryService } from './fleet-summary.service';
import { FleetQueryDto, FleetSummaryDto } from './fleet.dto';

const NAMED = 20;

@ApiTags('fleet')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('viewer')
@Controller('fleet')
export class FleetController {
  constructor(private readonly fleet: FleetSummaryService) {}

  @Get('summary')
  @ApiOperation({ summary: 'See how the fleet is: how many devices are current, and what keeps the others' })
  @ApiOkResponse({ type: FleetSummaryDto })
  async summary(@Query() { devices = NAMED }: FleetQueryDto): Promise<FleetSummaryDto> {
    return this.fleet.summary(devices);
  }
}
