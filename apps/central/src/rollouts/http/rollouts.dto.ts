import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { patterns } from '@rivulet/protocol';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import {
  rolloutReasons,
  rolloutStatuses,
  type RolloutReason,
  type RolloutStatus,
} from '../machine/rollout-state';
import type { RolloutPage } from '../rollout-page';
import type { RolloutEvent, StoredRollout } from '../store/stored-rollout';
import { WholeGateDto } from './rollout-plan.dto';

const exampleTime = '2026-11-27T08:15:30.000Z';
export const exampleRollout = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const WORD = /^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$/;

export class RolloutsQueryDto {
  @ApiPropertyOptional({ description: 'The kind of what goes out.', example: 'configuration' })
  @Omittable()
  @Matches(WORD, { message: 'must be a kind' })
  kind?: string;

  @ApiPropertyOptional({ description: 'Its name.', example: 'default' })
  @Omittable()
  @Matches(WORD, { message: 'must be a name' })
  subject?: string;

  @ApiPropertyOptional({ description: 'With this status.', enum: rolloutStatuses })
  @Omittable()
  @IsIn(rolloutStatuses)
  status?: RolloutStatus;

  @ApiPropertyOptional({ description: 'Rollouts before this one.', example: exampleRollout })
  @Omittable()
  @Matches(patterns.ulid, { message: 'must be the id of a rollout' })
  before?: string;

  @ApiPropertyOptional({ description: 'How many.', default: 100, maximum: 1_000 })
  @Omittable()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  limit?: number;
}

export class SteerRolloutDto {
  @ApiPropertyOptional({ description: 'Why.', maxLength: 500, example: 'Site SFO is being moved.' })
  @Omittable()
  @IsString()
  @MaxLength(500)
  comment?: string;
}

export class ResumeRolloutDto extends SteerRolloutDto {
  @ApiPropertyOptional({
    description: 'Take the stage for passed, although its gate is not.',
    default: false,
  })
  @Omittable()
  @IsBoolean()
  passGate?: boolean;
}

export class RolloutDto {
  @ApiProperty({ description: 'ULID.', example: exampleRollout })
  rolloutId: string;

  @ApiProperty({ description: 'The kind of what goes out.', example: 'configuration' })
  kind: string;

  @ApiProperty({ description: 'Its name.', example: 'default' })
  subject: string;

  @ApiProperty({ description: 'The version that goes out.', example: 5 })
  version: number;

  @ApiProperty({
    description: 'The version that devices have again after an abort; null: they keep what they have.',
    type: Number,
    nullable: true,
    example: 4,
  })
  previousVersion: number | null;

  @ApiProperty({
    description: 'The purpose, as the operator gave it.',
    type: String,
    nullable: true,
    example: 'The API has moved.',
  })
  comment: string | null;

  @ApiProperty({ description: 'Whether it goes on.', enum: rolloutStatuses })
  status: RolloutStatus;

  @ApiProperty({ description: 'The stage that goes on, or where it ended; from 1.', example: 2 })
  stage: number;

  @ApiProperty({ description: 'Why it has stopped.', enum: rolloutReasons, nullable: true })
  reason: RolloutReason | null;

  @ApiProperty({ description: 'The same in words.', type: String, nullable: true, example: null })
  detail: string | null;

  @ApiProperty({ description: 'Who began it.', example: 'admin' })
  createdBy: string;

  @ApiProperty({ description: 'When.', example: exampleTime })
  createdAt: Date;

  @ApiProperty({ description: 'When it ended.', type: Date, nullable: true, example: null })
  finishedAt: Date | null;
}

class StageStateDto {
  @ApiPropertyOptional({ description: 'Whom it is for.', example: 10 })
  percent?: number;

  @ApiPropertyOptional({ description: 'Whom it is for.', example: 5 })
  count?: number;

  @ApiPropertyOptional({ description: 'Whom it is for.', type: [String], example: ['site:SFO'] })
  labels?: string[];

  @ApiProperty({ description: 'The conditions for the next stage.', type: WholeGateDto })
  gate: WholeGateDto;

  @ApiProperty({ description: 'How far it is.', enum: ['waiting', 'running', 'passed', 'stopped'] })
  state: 'waiting' | 'running' | 'passed' | 'stopped';

  @ApiProperty({
    description: 'Devices that it adds; null before it begins.',
    type: Number,
    nullable: true,
    example: 9,
  })
  devices: number | null;

  @ApiProperty({ description: 'That have not asked yet.', type: Number, nullable: true, example: 1 })
  waiting: number | null;

  @ApiProperty({
    description: 'That were sent it and have not reported.',
    type: Number,
    nullable: true,
    example: 0,
  })
  sent: number | null;

  @ApiProperty({ description: 'That apply it.', type: Number, nullable: true, example: 1 })
  applying: number | null;

  @ApiProperty({ description: 'That have applied it.', type: Number, nullable: true, example: 7 })
  applied: number | null;

  @ApiProperty({ description: 'On which it failed.', type: Number, nullable: true, example: 0 })
  failed: number | null;

  @ApiProperty({
    description: 'That run it for the time of the gate.',
    type: Number,
    nullable: true,
    example: 6,
  })
  healthy: number | null;

  @ApiProperty({ description: 'Whose last sync was proved.', type: Number, nullable: true, example: 7 })
  current: number | null;
}

class FailureDto {
  @ApiProperty({
    description: 'As the devices report it.',
    example: 'WORKER_REFUSED: The worker answered 422.',
  })
  reason: string;

  @ApiProperty({ description: 'How many report it.', example: 3 })
  devices: number;
}

class RolloutEventDto {
  @ApiProperty({ description: 'When.', example: exampleTime })
  at: string;

  @ApiProperty({
    description: 'The event.',
    enum: ['created', 'began', 'passed', 'paused', 'resumed', 'completed', 'aborted'],
  })
  what: RolloutEvent['what'];

  @ApiProperty({ description: 'In which stage, from 1.', example: 1 })
  stage: number;

  @ApiProperty({
    description: 'The operator; null: central itself.',
    type: String,
    nullable: true,
    example: null,
  })
  by: string | null;

  @ApiProperty({ description: 'Why.', type: String, nullable: true, example: null })
  detail: string | null;
}

export class RolloutPageDto extends RolloutDto {
  @ApiProperty({ description: 'In order.', type: [StageStateDto] })
  stages: StageStateDto[];

  @ApiProperty({
    description: 'The action when more devices fail than the gate allows.',
    enum: ['abort', 'pause'],
  })
  onFailure: 'abort' | 'pause';

  @ApiProperty({ description: 'The 10 most frequent reasons of failures.', type: [FailureDto] })
  failures: FailureDto[];

  @ApiProperty({
    description: 'When it will be complete at the pace so far; null where nothing can be said.',
    type: Date,
    nullable: true,
    example: exampleTime,
  })
  estimatedEnd: Date | null;

  @ApiProperty({ description: 'The last 100.', type: [RolloutEventDto] })
  events: RolloutEventDto[];
}

type RolloutFields = Pick<RolloutDto, keyof RolloutDto>;

export function toRolloutDto({ state, ...rollout }: StoredRollout): RolloutFields {
  const { rolloutId, kind, subject, version, previousVersion, comment, createdBy, createdAt, finishedAt } =
    rollout;
  const { status, stage, reason, detail } = state;
  const said = { rolloutId, kind, subject, version, previousVersion, comment, status, stage: stage + 1 };
  return { ...said, reason, detail, createdBy, createdAt, finishedAt };
}

export function toRolloutPageDto(page: RolloutPage): RolloutPageDto {
  const { plan, failures, estimatedEnd, events } = page;
  return {
    ...toRolloutDto(page),
    stages: plan.stages.map((stage, at) => ({ ...stage, state: stateOf(page, at), ...countsOf(page, at) })),
    onFailure: plan.onFailure,
    failures,
    estimatedEnd,
    events: events.map((event) => ({ ...event, stage: event.stage + 1 })),
  };
}

function stateOf({ state: { status, stage } }: RolloutPage, at: number): StageStateDto['state'] {
  if (status === 'completed' || at < stage) return 'passed';
  if (at > stage) return 'waiting';
  return status === 'running' ? 'running' : 'stopped';
}

function countsOf({ counts }: RolloutPage, at: number): Omit<StageStateDto, 'gate' | 'state'> {
  return counts[at] ?? NOT_COUNTED;
}

const NOT_COUNTED = {
  devices: null,
  waiting: null,
  sent: null,
  applying: null,
  applied: null,
  failed: null,
  healthy: null,
  current: null,
};
