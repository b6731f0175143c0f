import { Body, Controller, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiParam, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems, Omittable } from '@rivulet/platform';
import { IsInt, IsString, Max, MaxLength, Min } from 'class-validator';
import { planOf, RolloutPlanDto } from '../../rollouts/http/rollout-plan.dto';
import { RolloutPageDto, toRolloutPageDto } from '../../rollouts/http/rollouts.dto';
import { CurrentCaller, type Caller } from '../../users/audit/current-caller';
import { ConfigurationRollouts } from '../delivery/configuration-rollouts';
import { ConfigurationNamePipe } from './configuration-params';

class NewRolloutDto extends RolloutPlanDto {
  @ApiPropertyOptional({ description: 'The version that goes out; the latest unless given.', example: 5 })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(2 ** 31 - 1)
  version?: number;

  @ApiPropertyOptional({ description: 'Why.', maxLength: 500, example: 'The API has moved.' })
  @Omittable()
  @IsString()
  @MaxLength(500)
  comment?: string;
}

/** Begins rollouts of configurations. What happens to them afterwards is the matter of /api/rollouts. */
@ApiTags('configurations')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Access('operator')
@Controller('configurations')
export class ConfigurationRolloutsController {
  constructor(private readonly rollouts: ConfigurationRollouts) {}

  @Post(':name/rollouts')
  @ApiOperation({ summary: 'Bring a version to devices in stages' })
  @ApiParam({ name: 'name', description: 'Of the configuration.', example: 'default' })
  @ApiCreatedResponse({ type: RolloutPageDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'CONFIGURATION_UNKNOWN', 'ROLLOUT_ACTIVE')
  @ApiProblems('CONFIGURATION_VERSION_UNKNOWN', 'CONFIGURATION_CONFLICT')
  async beginRollout(
    @Param('name', ConfigurationNamePipe) name: string,
    @Body() { version, comment, ...plan }: NewRolloutDto,
    @CurrentCaller() caller: Caller,
  ): Promise<RolloutPageDto> {
    return toRolloutPageDto(
      await this.rollouts.begin(name, { version, comment, plan: planOf(plan), caller }),
    );
  }
}
