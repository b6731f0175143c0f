import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';
import { RolloutPages } from '../rollout-page';
import { RolloutsService } from '../rollouts.service';
import { RolloutStore } from '../store/rollout-store';
import {
  exampleRollout,
  ResumeRolloutDto,
  RolloutDto,
  RolloutPageDto,
  RolloutsQueryDto,
  SteerRolloutDto,
  toRolloutDto,
  toRolloutPageDto,
} from './rollouts.dto';

const idParam = { name: 'id', description: 'ULID', example: exampleRollout };

/** Rollouts: versions that go to the fleet in stages. The feature whose versions go out has the route that begins a rollout. */
@ApiTags('rollouts')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('operator')
@Controller('rollouts')
export class RolloutsController {
  constructor(
    private readonly rollouts: RolloutsService,
    private readonly pages: RolloutPages,
    private readonly store: RolloutStore,
  ) {}

  @Access('viewer')
  @Get()
  @ApiOperation({ summary: 'List rollouts, the latest first' })
  @ApiOkResponse({ type: [RolloutDto] })
  async listRollouts(@Query() { limit = 100, ...filter }: RolloutsQueryDto): Promise<RolloutDto[]> {
    return (await this.store.list({ ...filter, limit })).map(toRolloutDto);
  }

  @Access('viewer')
  @Get(':id')
  @ApiOperation({ summary: 'See a rollout: its stages, what devices report, when it will be complete' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: RolloutPageDto })
  @ApiProblems('ROLLOUT_UNKNOWN')
  async readRollout(@Param('id') id: string): Promise<RolloutPageDto> {
    return toRolloutPageDto(await this.pages.get(id));
  }

  @Post(':id/pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Pause a rollout; devices that were reached keep the version' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: RolloutPageDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'ROLLOUT_UNKNOWN', 'ROLLOUT_CONFLICT')
  async pauseRollout(
    @Param('id') id: string,
    @Body() { comment }: SteerRolloutDto,
    @CurrentCaller() caller: Caller,
  ): Promise<RolloutPageDto> {
    return toRolloutPageDto(await this.pages.of(await this.rollouts.pause(id, caller, comment ?? null)));
  }

  @Post(':id/resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Go on with a rollout; the deadline of its stage begins again' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: RolloutPageDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'ROLLOUT_UNKNOWN', 'ROLLOUT_CONFLICT')
  async resumeRollout(
    @Param('id') id: string,
    @Body() { comment, passGate = false }: ResumeRolloutDto,
    @CurrentCaller() caller: Caller,
  ): Promise<RolloutPageDto> {
    const resumed = await this.rollouts.resume(id, caller, comment ?? null, passGate);
    return toRolloutPageDto(await this.pages.of(resumed));
  }

  @Post(':id/abort')
  @HttpCode(200)
  @ApiOperation({ summary: 'End a rollout; devices that were reached get back what they had before' })
  @ApiParam(idParam)
  @ApiOkResponse({ type: RolloutPageDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'ROLLOUT_UNKNOWN', 'ROLLOUT_CONFLICT')
  async abortRollout(
    @Param('id') id: string,
    @Body() { comment }: SteerRolloutDto,
    @CurrentCaller() caller: Caller,
  ): Promise<RolloutPageDto> {
    return toRolloutPageDto(await this.pages.of(await this.rollouts.abort(id, caller, comment ?? null)));
  }
}
