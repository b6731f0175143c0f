import { applyDecorators, Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { HealthCheck, type HealthCheckResult } from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { Access } from '../access/access.decorator';
import { HealthDto } from './health.dto';
import { HealthService } from './health.service';

@ApiTags('health')
@Access('public')
@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @Get()
  @ProbeRoute('Everything at a glance, for people and dashboards.')
  async everything(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthCheckResult> {
    return answer(reply, await this.health.everything());
  }

  @Get('live')
  @ProbeRoute('Liveness: the process responds. Nothing else is checked. Restart it when this fails.')
  live(): HealthCheckResult {
    return { status: 'ok', info: {}, error: {}, details: {} };
  }

  @Get('ready')
  @ProbeRoute(
    'Whether work may be sent here: database and migrations are there, and it is not shutting down.',
  )
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthCheckResult> {
    return answer(reply, await this.health.ready());
  }

  @Get('startup')
  @ProbeRoute('Whether the process has started and its database is migrated.')
  async startup(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthCheckResult> {
    return answer(reply, await this.health.startup());
  }
}

function ProbeRoute(summary: string): MethodDecorator {
  return applyDecorators(
    HealthCheck({ noCache: true, swaggerDocumentation: false }) as MethodDecorator,
    ApiOperation({ summary }),
    ApiResponse({ status: 200, description: 'Yes.', type: HealthDto }),
    ApiResponse({ status: 503, description: 'No; `error` says why.', type: HealthDto }),
  );
}

function answer(reply: FastifyReply, result: HealthCheckResult): HealthCheckResult {
  reply.code(result.status === 'ok' || result.status === 'degraded' ? 200 : 503);
  return result;
}
