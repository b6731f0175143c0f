import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import type { Subscription } from '@rivulet/bus';
import { CentralBus } from '../bus/central-bus';
import { RealtimeHub } from './delivery/realtime-hub';
import { RealtimeMetrics } from './realtime.metrics';

/** Hints may have been lost without anybody knowing. */
const COMPARE_MS = 10_000;

/** Tells the hub what other processes publish, and has it compare positions when something may have been missed. */
@Injectable()
export class RealtimeBus implements OnModuleInit, OnModuleDestroy {
  private subscription: Subscription | undefined;

  constructor(
    private readonly bus: CentralBus,
    private readonly hub: RealtimeHub,
    private readonly metrics: RealtimeMetrics,
  ) {}

  async onModuleInit(): Promise<void> {
    this.subscription = await this.bus.subscribe('realtime.>', ({ body }) => this.hub.receive(body), {
      onGap: () => void this.hub.compare(),
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.subscription?.close();
  }

  @Interval('realtime positions', COMPARE_MS)
  async compare(): Promise<void> {
    await this.hub.compare();
    this.metrics.topics.set(this.hub.topicCount);
  }
}
