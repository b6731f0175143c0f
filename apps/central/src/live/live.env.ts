import { Duration, EnvVariable, Flag } from '@rivulet/platform';
import { IsInt, IsOptional, IsString, Max, Min } from 'class-validator';

export class LiveEnv {
  @EnvVariable('CENTRAL_AGENT_PORT', 'Port to listen on for agents that speak the agent protocol over TCP.')
  @IsInt()
  @Min(0)
  @Max(65_535)
  agentPort = 4470;

  @EnvVariable(
    'CENTRAL_AGENT_HOST',
    'Address to listen on for these agents. Unset: every address with TLS, this machine alone without.',
  )
  @IsOptional()
  @IsString()
  agentHost: string | undefined = undefined;

  @EnvVariable(
    'CENTRAL_AGENT_PLAINTEXT',
    'Has to be true for agents to connect from other machines without TLS: whoever listens in reads their tokens.',
  )
  @Flag()
  plaintext = false;

  @EnvVariable(
    'CENTRAL_HEARTBEAT_INTERVAL',
    'How often agents and edges send a heartbeat. One that is silent for three of these is offline.',
  )
  @Duration({ min: '1s', max: '5m' })
  heartbeatMs = 5_000;

  @EnvVariable('CENTRAL_MAX_AGENTS', 'Agents and edges that may be connected to this process at once.')
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxAgents = 10_000;

  @EnvVariable('CENTRAL_MAX_AGENTS_PER_ADDRESS', 'The same, from one address; a site may be behind it.')
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxAgentsPerAddress = 6_000;
}
