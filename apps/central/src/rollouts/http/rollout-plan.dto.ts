import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable, requestInvalid } from '@rivulet/platform';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsInt,
  IsNumber,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import {
  defaultGate,
  defaultStages,
  problemOf,
  type RolloutGate,
  type RolloutPlan,
  type RolloutStage,
  type StageMembers,
} from '../machine/rollout-plan';

const STAGES_MAX = 20;
const LABELS_MAX = 100;
const DEVICES_MAX = 10_000_000;
const DAY_SECONDS = 86_400;
const LABEL = /^[^:\p{Cc}]{1,63}:[^\p{Cc}]{0,128}$/u;

export class GateDto implements Partial<RolloutGate> {
  @ApiPropertyOptional({ description: 'Share of the stage that has applied it.', default: 95 })
  @Omittable()
  @IsNumber()
  @Min(0)
  @Max(100)
  appliedPercent?: number;

  @ApiPropertyOptional({
    description: 'Share that has run it for `healthySeconds` without a failure, and was heard of after that.',
    default: 95,
  })
  @Omittable()
  @IsNumber()
  @Min(0)
  @Max(100)
  healthyPercent?: number;

  @ApiPropertyOptional({ description: 'For how long.', default: 60 })
  @Omittable()
  @IsInt()
  @Min(0)
  @Max(30 * DAY_SECONDS)
  healthySeconds?: number;

  @ApiPropertyOptional({ description: 'Share whose last sync was proved.', default: 0 })
  @Omittable()
  @IsNumber()
  @Min(0)
  @Max(100)
  currentPercent?: number;

  @ApiPropertyOptional({ description: 'Share that may fail, until the rollout is complete.', default: 0 })
  @Omittable()
  @IsNumber()
  @Min(0)
  @Max(100)
  failedPercent?: number;

  @ApiPropertyOptional({
    description: 'When to pause, if the gate has not been passed.',
    default: DAY_SECONDS,
  })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(365 * DAY_SECONDS)
  deadlineSeconds?: number;
}

export class StageDto {
  @ApiPropertyOptional({
    description: 'Share of all devices, with those of the stages before. Or `count`, or `labels`, is given.',
    example: 10,
  })
  @Omittable()
  @IsNumber()
  @Min(0.001)
  @Max(100)
  percent?: number;

  @ApiPropertyOptional({ description: 'So many devices, with those of the stages before.', example: 5 })
  @Omittable()
  @IsInt()
  @Min(1)
  @Max(DEVICES_MAX)
  count?: number;

  @ApiPropertyOptional({
    description: 'The devices with any of these labels.',
    type: [String],
    example: ['site:SFO'],
  })
  @Omittable()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(LABELS_MAX)
  @Matches(LABEL, { each: true, message: 'must be labels such as site:SFO' })
  labels?: string[];

  @ApiPropertyOptional({ description: 'The conditions for the next stage to begin.', type: GateDto })
  @Omittable()
  @ValidateNested()
  @Type(() => GateDto)
  gate?: GateDto;
}

export class RolloutPlanDto {
  @ApiPropertyOptional({
    description: 'The last one must be for 100 percent. Unless given: 1, 10, 50 and 100 percent.',
    type: [StageDto],
  })
  @Omittable()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(STAGES_MAX)
  @ValidateNested({ each: true })
  @Type(() => StageDto)
  stages?: StageDto[];

  @ApiPropertyOptional({ description: 'The gate of stages that say nothing else.', type: GateDto })
  @Omittable()
  @ValidateNested()
  @Type(() => GateDto)
  gate?: GateDto;

  @ApiPropertyOptional({
    description:
      'The action when more devices fail than the gate allows. After `abort` all devices get back the version before.',
    enum: ['abort', 'pause'],
    default: 'abort',
  })
  @Omittable()
  @IsIn(['abort', 'pause'])
  onFailure?: RolloutPlan['onFailure'];
}

/** A gate in which everything is said. */
export class WholeGateDto implements RolloutGate {
  @ApiProperty({ description: 'As in the order.', example: 95 })
  appliedPercent: number;

  @ApiProperty({ description: 'As in the order.', example: 95 })
  healthyPercent: number;

  @ApiProperty({ description: 'As in the order.', example: 60 })
  healthySeconds: number;

  @ApiProperty({ description: 'As in the order.', example: 0 })
  currentPercent: number;

  @ApiProperty({ description: 'As in the order.', example: 0 })
  failedPercent: number;

  @ApiProperty({ description: 'As in the order.', example: DAY_SECONDS })
  deadlineSeconds: number;
}

/** @throws RivuletError REQUEST_INVALID */
export function planOf({ stages, gate, onFailure = 'abort' }: RolloutPlanDto): RolloutPlan {
  const common = { ...defaultGate, ...given(gate) };
  const planned: RolloutStage[] =
    stages === undefined
      ? defaultStages.map((members) => ({ ...members, gate: common }))
      : stages.map((stage, at) => ({ ...membersOf(stage, at), gate: { ...common, ...given(stage.gate) } }));
  const problem = problemOf(planned);
  if (problem !== undefined) throw requestInvalid([{ field: 'stages', reason: problem }]);
  return { stages: planned, onFailure };
}

function membersOf({ percent, count, labels }: StageDto, at: number): StageMembers {
  const said = [percent, count, labels].filter((one) => one !== undefined);
  if (said.length !== 1)
    throw requestInvalid([{ field: `stages[${at}]`, reason: 'must have one of percent, count and labels' }]);
  if (percent !== undefined) return { percent };
  return count !== undefined ? { count } : { labels: labels! };
}

/** A field that a decorator has left undefined does not replace a default. */
function given(gate: GateDto | undefined): Partial<RolloutGate> {
  return Object.fromEntries(Object.entries(gate ?? {}).filter(([, value]) => value !== undefined));
}
