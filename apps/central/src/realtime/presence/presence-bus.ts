import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import type { Subscription } from '@rivulet/bus';
import { CentralBus } from '../../bus/central-bus';
import { RealtimeMetrics } from '../realtime.metrics';
import { Presence } from './presence';

export const PRESENCE_TOPIC = 'subscribers.told';

const BEAT_MS = 5_000;
const LOOK_MS = 1_000;

/** Brings what other processes tell of who is connected to them. */
@Injectable()
export class PresenceBus implements OnModuleInit, OnModuleDestroy {
  private subscription: Subscription | undefined;

  constructor(
    private readonly bus: CentralBus,
    private readonly presence: Presence,
    private readonly metrics: RealtimeMetrics,
  ) {}

  async onModuleInit(): Promise<void> {
    this.subscription = await this.bus.subscribe(PRESENCE_TOPIC, ({ body }) => this.presence.receive(body), {
      onGap: () => this.presence.askAll(),
    });
    this.presence.askAll();
  }

  async onModuleDestroy(): Promise<void> {
    this.presence.sayGoodbye();
    await this.subscription?.close();
  }

  @Interval('subscribers of topics', BEAT_MS)
  beat(): void {
    this.presence.beat();
    this.metrics.present.set(this.presence.size);
  }

  @Interval('subscribers who left', LOOK_MS)
  look(): void {
    this.presence.tellLeft();
  }
}
