import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';
import { DEVICES_NAMED_MAX, type FleetSummary, type TroubledDevice } from './fleet-summary.service';
import { fleetStates, type FleetState } from './read-fleet';

const exampleId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const exampleTime = '2026-11-27T08:15:30.000Z';
const exampleProblem = 'The bus at nats://bus:4222 is not available: connection refused.';
const exampleStep = 'Free disk space on the device, then sync again.';

export class FleetQueryDto {
  @ApiPropertyOptional({
    description: 'How many of the devices that need attention are named.',
    default: 20,
    minimum: 0,
    maximum: DEVICES_NAMED_MAX,
  })
  @Omittable()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(DEVICES_NAMED_MAX)
  devices?: number;
}

class FleetStatesDto implements Record<FleetState, number> {
  @ApiProperty({ description: 'It has proved all that it was given.', example: 9_870 })
  current: number;

  @ApiProperty({
    description: 'It has not yet proved what it was given, or has not asked for long.',
    example: 21,
  })
  behind: number;

  @ApiProperty({ description: 'Its last sync failed.', example: 3 })
  failing: number;

  @ApiProperty({
    description: 'It is not connected, and has not called for CENTRAL_SILENT_AFTER.',
    example: 94,
  })
  silent: number;

  @ApiProperty({ description: 'It has never proved anything.', example: 12 })
  never: number;
}

class FleetAgentsDto {
  @ApiProperty({ description: 'Small agents that are served.', example: 40 })
  total: number;

  @ApiProperty({ description: 'Those of them that are connected.', example: 38 })
  online: number;
}

class NotServedDto {
  @ApiProperty({ description: 'Devices that wait for approval.', example: 2 })
  pending: number;

  @ApiProperty({ description: 'Devices that an operator has revoked.', example: 5 })
  revoked: number;

  @ApiProperty({ description: 'Devices whose key was seen twice.', example: 0 })
  quarantined: number;
}

class TroubledDeviceDto implements TroubledDevice {
  @ApiProperty({ description: 'ULID.', example: exampleId })
  deviceId: string;

  @ApiProperty({ description: 'Its name.', example: 'SFO lobby' })
  name: string;

  @ApiProperty({
    description: 'Its MAC address.',
    type: String,
    nullable: true,
    example: '48:b0:2d:e9:c3:b7',
  })
  macAddress: string | null;

  @ApiProperty({ description: 'Never `current`.', enum: fleetStates, example: 'failing' })
  state: FleetState;

  @ApiProperty({ description: 'Whether it is connected.', example: true })
  online: boolean;

  @ApiProperty({
    description: 'Why its last sync failed.',
    type: String,
    nullable: true,
    example: 'DISK_FULL',
  })
  code: string | null;

  @ApiProperty({
    description: 'The table that this is about.',
    type: String,
    nullable: true,
    example: 'users',
  })
  table: string | null;

  @ApiProperty({
    description: 'Since when its rows are not known to be those that it is to have.',
    example: exampleTime,
  })
  since: string;

  @ApiProperty({ description: 'The same in seconds until now.', example: 421 })
  lagSeconds: number;

  @ApiProperty({ description: 'When it was last heard.', type: String, nullable: true, example: exampleTime })
  lastSeenAt: string | null;

  @ApiProperty({ description: 'What to do about it.', type: String, nullable: true, example: exampleStep })
  nextStep: string | null;
}

class ReasonDto {
  @ApiProperty({ description: 'An error code.', example: 'DISK_FULL' })
  code: string;

  @ApiProperty({ description: 'Failing devices that have it.', example: 3 })
  devices: number;

  @ApiProperty({ description: 'What to do about it.', type: String, nullable: true, example: exampleStep })
  nextStep: string | null;
}

class LatencyDto {
  @ApiProperty({ description: 'Proofs that it is of; the last 10,000 of each central.', example: 1_204 })
  count: number;

  @ApiProperty({ description: 'Half of the proofs came within so many milliseconds.', example: 310 })
  p50Ms: number;

  @ApiProperty({ description: '95 % of them.', example: 640 })
  p95Ms: number;

  @ApiProperty({ description: '99 % of them.', example: 870 })
  p99Ms: number;
}

class DegradedPartDto {
  @ApiProperty({ description: 'What it is.', enum: ['bus', 'nudges', 'live'], example: 'bus' })
  part: 'bus' | 'nudges' | 'live';

  @ApiProperty({ description: 'What is wrong with it, and why.', example: exampleProblem })
  problem: string;
}

class SharedDegradedPartDto extends DegradedPartDto {
  @ApiProperty({
    description: 'The processes of central that say so; none of `live`.',
    type: [String],
    example: [exampleId],
  })
  centrals: string[];
}

class CentralProcessDto {
  @ApiProperty({ description: 'ULID, new with each start.', example: exampleId })
  processId: string;

  @ApiProperty({ description: 'Its host.', example: 'central-1' })
  host: string;

  @ApiProperty({ description: 'When it was started.', example: exampleTime })
  startedAt: Date;

  @ApiProperty({ description: 'Edges and agents that are connected to it.', example: 5_003 })
  connected: number;

  @ApiProperty({ description: 'What it does not do as it should.', type: [DegradedPartDto] })
  degraded: DegradedPartDto[];
}

export class FleetSummaryDto implements FleetSummary {
  @ApiProperty({ description: 'When this was read; it is kept for a second.', example: exampleTime })
  at: string;

  @ApiProperty({ description: 'Edges that are served: the sum of the states.', example: 10_000 })
  total: number;

  @ApiProperty({ description: 'How many of them are in each state.', type: FleetStatesDto })
  states: FleetStatesDto;

  @ApiProperty({ description: 'How many of them are connected to a central that runs.', example: 9_880 })
  online: number;

  @ApiProperty({ description: 'Small agents, which do not sync.', type: FleetAgentsDto })
  agents: FleetAgentsDto;

  @ApiProperty({ description: 'Devices of the registry that are not served.', type: NotServedDto })
  notServed: NotServedDto;

  @ApiProperty({
    description: 'The device that is farthest behind.',
    type: TroubledDeviceDto,
    nullable: true,
  })
  worstLag: TroubledDeviceDto | null;

  @ApiProperty({ description: 'Why devices fail, the most frequent first.', type: [ReasonDto] })
  reasons: ReasonDto[];

  @ApiProperty({
    description: 'Devices that need attention: the failing first, then by lag.',
    type: [TroubledDeviceDto],
  })
  devices: TroubledDeviceDto[];

  @ApiProperty({
    description:
      'From the commit of a change until a connected device that was nudged for it had proved its rows. Of several ' +
      'centrals the slowest; null before the first.',
    type: LatencyDto,
    nullable: true,
  })
  publishedToProved: LatencyDto | null;

  @ApiProperty({
    description: 'What does not work as it should. Devices sync by schedule all the same.',
    type: [SharedDegradedPartDto],
  })
  degraded: SharedDegradedPartDto[];

  @ApiProperty({ description: 'The processes of central that run.', type: [CentralProcessDto] })
  centrals: CentralProcessDto[];
}
