import { Controller, Get, Global, Header, Module, type OnApplicationShutdown } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { Access } from '../access/access.decorator';

const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

@ApiTags('metrics')
@Access('public')
@Controller('metrics')
class MetricsController {
  constructor(private readonly registry: Registry) {}

  @Get()
  @Header('content-type', TEXT_FORMAT)
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Metrics of the process and the app, in the Prometheus text format.' })
  @ApiProduces('text/plain')
  @ApiOkResponse({
    content: {
      'text/plain': { schema: { type: 'string', example: 'process_resident_memory_bytes 81264640' } },
    },
  })
  metrics(): Promise<string> {
    return this.registry.metrics();
  }
}

/** `GET /metrics`. Apps inject prom-client's Registry and register what they count. */
@Global()
@Module({
  controllers: [MetricsController],
  providers: [{ provide: Registry, useFactory: () => withDefaultMetrics(new Registry()) }],
  exports: [Registry],
})
export class MetricsModule implements OnApplicationShutdown {
  constructor(private readonly registry: Registry) {}

  onApplicationShutdown(): void {
    this.registry.clear();
  }
}

function withDefaultMetrics(registry: Registry): Registry {
  collectDefaultMetrics({ register: registry });
  return registry;
}
