import { Body, Controller, Header, Headers, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems } from '@rivulet/platform';
import { RegisterAgent } from '../enrolment/register-agent';
import { AgentDescriptionDto, AgentDto, PollingAgentDto } from './agents.dto';

/** As an agent of the distributed config management polls unless it is told otherwise. */
const POLL_INTERVAL_SECONDS = 30;

/** How small agents become known: a registration token buys an id and a token of their own. */
@ApiTags('agents')
@ApiProblems('REQUEST_INVALID', 'DATABASE_UNAVAILABLE', 'SHUTTING_DOWN', 'DEVICE_UNIDENTIFIED')
@ApiProblems('ENROLMENT_TOKEN_INVALID', 'DEVICE_PENDING', 'DEVICE_REVOKED', 'DEVICE_QUARANTINED')
@Access('public')
@Controller()
export class AgentsController {
  constructor(private readonly agents: RegisterAgent) {}

  @Post('agent/register')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Register an agent of the distributed configuration system' })
  @ApiCreatedResponse({ type: AgentDto })
  async register(@Headers('authorization') authorization?: string): Promise<AgentDto> {
    const { deviceId, token } = await this.agents.register(authorization, {});
    return { agent_id: deviceId, uuid: deviceId, ...(token === undefined ? {} : { token }) };
  }

  @Post('v1/register')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Register an agent of the distributed config management' })
  @ApiCreatedResponse({ type: PollingAgentDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED')
  async registerPolling(
    @Body() { hostname, metadata }: AgentDescriptionDto,
    @Headers('authorization') authorization?: string,
  ): Promise<PollingAgentDto> {
    const { deviceId, token } = await this.agents.register(authorization, { name: hostname, metadata });
    const polling = { poll_url: '/api/v1/config', poll_interval_seconds: POLL_INTERVAL_SECONDS };
    return { agent_id: deviceId, ...polling, ...(token === undefined ? {} : { token }) };
  }
}
