import { Global, Module } from '@nestjs/common';
import { AccessControl } from './access-control';
import { AccessMetrics } from './access.metrics';
import { RouteTable } from './route-table';

/** Who may call which route of an app. */
@Global()
@Module({
  providers: [AccessControl, AccessMetrics, RouteTable],
  exports: [AccessControl, AccessMetrics, RouteTable],
})
export class AccessModule {}
