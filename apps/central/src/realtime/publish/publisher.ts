import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { monotonicFactory } from 'ulid';
import { RealtimeHub } from '../delivery/realtime-hub';
import type { Appended, NewMessage } from '../history/history';
import type { Identity } from '../rules/identity';
import { RealtimeEnv } from '../realtime.env';
import { RealtimeMetrics } from '../realtime.metrics';
import { CurrentRules } from '../rules/current-rules';
import type { TopicPattern } from '../rules/topic-pattern';
import { isRunTopic } from '../rules/run-topics';
import { isTopic } from '../rules/topic-name';

export interface ToPublish {
  topic: string;
  /** JSON. */
  data: string;
  key?: string | undefined;
}

/** Publishes what the rules allow, with a history as they say. */
@Injectable()
export class Publisher {
  private readonly newId = monotonicFactory();

  constructor(
    private readonly hub: RealtimeHub,
    private readonly rules: CurrentRules,
    private readonly env: RealtimeEnv,
    private readonly metrics: RealtimeMetrics,
  ) {}

  /** @throws RivuletError TOPIC_FORBIDDEN · REALTIME_MESSAGE_INVALID · IDEMPOTENCY_KEY_REUSED · what History throws */
  async publishByClient(who: Identity, { topic, data, key }: ToPublish): Promise<Appended> {
    if (!isTopic(topic) || !this.rules.rules.mayPublish(who, topic)) throw forbidden(topic);
    // Keys of one user are not those of another, wherever either has a colon.
    const ownKey = key === undefined ? undefined : `client:${who.userId.length}:${who.userId}:${key}`;
    const message = this.messageOf({ topic, data, key: ownKey }, who.userId);
    const [appended] = await this.hub.publish([message]);
    this.metrics.published.inc({ by: 'client' });
    return appended!;
  }

  /** For callers that may publish to every topic that there is, but for those of runs. @throws as publishByClient */
  async publishAll(messages: readonly ToPublish[], by: 'server' | 'rows' | 'runs'): Promise<Appended[]> {
    const taken = messages.find(({ topic }) => by !== 'runs' && isRunTopic(topic));
    if (taken !== undefined) throw forbidden(taken.topic);
    const appended = await this.hub.publish(messages.map((message) => this.messageOf(message)));
    this.metrics.published.inc({ by }, messages.length);
    return appended;
  }

  /** All who have subscribed to these topics are told to read their state again. @throws what History throws */
  async skip(pattern: TopicPattern): Promise<void> {
    await this.hub.skip(pattern);
  }

  private messageOf({ topic, data, key }: ToPublish, from?: string): NewMessage {
    const history = this.rules.rules.historyOf(topic);
    if (history === undefined) throw forbidden(topic);
    if (Buffer.byteLength(data) > this.env.messageBytes) {
      throw new RivuletError(
        'REALTIME_MESSAGE_INVALID',
        `Data has more than ${this.env.messageBytes} bytes.`,
      );
    }
    return { topic, id: this.newId(), data, from, key, history };
  }
}

function forbidden(topic: string): RivuletError {
  return new RivuletError('TOPIC_FORBIDDEN', `There is no topic ${topic} that you may publish to.`);
}
