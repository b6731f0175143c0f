import { Module } from '@nestjs/common';
import { DevicesMetrics } from './devices.metrics';

/** Who connects to central. */
@Module({ providers: [DevicesMetrics], exports: [DevicesMetrics] })
export class DevicesModule {}
