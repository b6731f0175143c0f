import { Global, Module } from '@nestjs/common';
import { AccessControl } from './access-control';
import { RateLimits } from './rate-limits';
import { RateLimitsMetrics } from './rate-limits.metrics';
import { AccessMetrics } from './access.metrics';
import { Refusals } from './refusals';
import { RouteTable } from './route-table';

/** Who may call which route of an app, and how often. */
@Global()
@Module({
  providers: [AccessControl, AccessMetrics, RouteTable, RateLimits, RateLimitsMetrics, Refusals],
  exports: [AccessControl, AccessMetrics, RouteTable, RateLimits, Refusals],
})
export class AccessModule {}
