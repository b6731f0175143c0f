import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { Matches } from 'class-validator';
import { deviceNamePattern } from '../device';

const exampleAgentId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const exampleToken = 'rvt_Qm9ErTykPrKqmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXB';

export class AgentDescriptionDto {
  @ApiPropertyOptional({ description: 'The name of the agent.', example: 'agent-1', maxLength: 100 })
  @Omittable()
  @Matches(deviceNamePattern, { message: 'must be 1 to 100 characters' })
  hostname?: string;

  @ApiPropertyOptional({
    description: 'A description of the agent.',
    example: 'region=us-west',
    maxLength: 128,
  })
  @Omittable()
  @Matches(/^[^\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]{0,128}$/u, { message: 'must be at most 128 characters' })
  metadata?: string;
}

export class AgentDto {
  @ApiProperty({ description: "The agent's id in the registry, a ULID.", example: exampleAgentId })
  agent_id: string;

  @ApiProperty({ description: 'The same.', example: exampleAgentId })
  uuid: string;

  @ApiPropertyOptional({
    description: 'Its token, shown this once: sent as Bearer, or as the password of Basic with its id.',
    example: exampleToken,
  })
  token?: string;
}

export class PollingAgentDto {
  @ApiProperty({ description: "The agent's id in the registry, a ULID.", example: exampleAgentId })
  agent_id: string;

  @ApiProperty({ description: 'Where it finds its configuration.', example: '/api/v1/config' })
  poll_url: string;

  @ApiProperty({ description: 'How often it looks there.', example: 30 })
  poll_interval_seconds: number;

  @ApiPropertyOptional({ description: 'Its token, shown this once.', example: exampleToken })
  token?: string;
}
