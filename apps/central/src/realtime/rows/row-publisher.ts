import { hash } from 'node:crypto';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import { RowNotes, type RowNote } from '../../source/row-notes/row-notes';
import { Publisher, type ToPublish } from '../publish/publisher';
import { RealtimeEnv } from '../realtime.env';
import { RealtimeMetrics } from '../realtime.metrics';
import { CurrentRules } from '../rules/current-rules';
import { TopicPattern } from '../rules/topic-pattern';
import { encodeRowMessage } from './row-message';
import { notedEntry, type RowRule } from '../rules/row-rule';
import { isRunTopic } from '../rules/run-topics';

/** How often the source is asked for notes: one small statement. NOTIFY would have its writers commit one by one. */
const LOOK_EVERY_MS = 250;
/** How often to see whether the tables have their triggers still: one that is made again has none. */
const CHECK_EVERY_MS = 5_000;
/** After a failure. */
const PAUSE_MS = 2_000;

/** The messages that a batch of notes becomes, in order. */
type Step = { messages: ToPublish[] } | { resync: TopicPattern };

/**
 * Publishes the changed rows of the tables in realtime.yaml. One central at a time does so, and removes the notes when they are
 * published; by the names of the notes, what is published again after a crash is published once.
 */
@Injectable()
export class RowPublisher implements OnModuleInit {
  private readonly logger = new Logger('Realtime');
  private readonly looking = new Coalesced(() => this.look());
  private byRelation = new Map<string, { made: string; rule: RowRule }>();
  private installedFor: readonly RowRule[] | undefined;
  private checkAtMs = 0;
  private pausedUntilMs = 0;
  private failure: string | undefined;

  constructor(
    private readonly notes: RowNotes,
    private readonly publisher: Publisher,
    private readonly rules: CurrentRules,
    private readonly env: RealtimeEnv,
    private readonly metrics: RealtimeMetrics,
  ) {}

  /** Why changes of rows are not told; undefined when they are. */
  get problem(): string | undefined {
    return this.failure;
  }

  async onModuleInit(): Promise<void> {
    this.rules.onChange(() => void this.change());
    await this.change();
  }

  @Interval('publish rows', LOOK_EVERY_MS)
  async lookInBackground(): Promise<void> {
    const isNeeded = this.rules.rules.rows.length > 0 && performance.now() >= this.pausedUntilMs;
    if (isNeeded && this.looking.idle) await this.looking.run();
  }

  /** Publishes what is noted now. */
  async publishNow(): Promise<void> {
    await this.looking.run();
  }

  private async change(): Promise<void> {
    this.pausedUntilMs = 0;
    if (this.rules.rules.rows.length > 0) return this.looking.run();
    await this.notes.forgetAll().catch((error: unknown) => this.fail(error));
  }

  private async look(): Promise<void> {
    try {
      await this.install();
      while (await this.notes.take((notes) => this.publish(notes)));
      if (this.failure !== undefined) this.logger.log('Changes of rows are told to subscribers again.');
      this.failure = undefined;
    } catch (error) {
      this.fail(error);
    }
  }

  private async install(): Promise<void> {
    const { rows } = this.rules.rules;
    const entries = rows.map(notedEntry);
    const nowMs = performance.now();
    if (this.installedFor === rows && nowMs < this.checkAtMs && !this.notes.isOutdated) return;
    if (this.installedFor !== rows || !(await this.notes.areNoted(entries))) {
      const installed = await this.notes.install(entries);
      this.byRelation = new Map(
        installed.map(({ relation, rule: made }, index) => [relation, { made, rule: rows[index]! }]),
      );
      this.logger.log(`Changes of ${rows.map(({ name }) => name).join(', ')} are told as messages.`);
    }
    this.installedFor = rows;
    this.checkAtMs = nowMs + CHECK_EVERY_MS;
  }

  private async publish(notes: readonly RowNote[]): Promise<void> {
    for (const step of this.stepsOf(notes)) {
      if ('resync' in step) {
        await this.publisher.skip(step.resync);
        this.metrics.rows.inc({ outcome: 'resync' });
      } else {
        await this.publisher.publishAll(step.messages, 'rows');
        this.metrics.rows.inc({ outcome: 'published' }, step.messages.length);
      }
    }
  }

  private stepsOf(notes: readonly RowNote[]): Step[] {
    const steps: Step[] = [];
    for (const note of notes) {
      const step = this.stepOf(note);
      const last = steps.at(-1);
      if (step === undefined) this.metrics.rows.inc({ outcome: 'skipped' });
      else if ('messages' in step && last !== undefined && 'messages' in last)
        last.messages.push(...step.messages);
      else steps.push(step);
    }
    return steps;
  }

  /** Undefined for what nobody can have subscribed to. */
  private stepOf({ name, relation, rule: made, change }: RowNote): Step | undefined {
    const known = this.byRelation.get(relation);
    if (known === undefined) return undefined;
    const { rule } = known;
    // What another entry has noted is not for the readers of this one.
    if (change === undefined || made !== known.made) return { resync: rule.topic.pattern };
    const topic = rule.topic.fill(change.topic);
    if (topic === undefined || isRunTopic(topic)) return undefined;
    if (this.rules.rules.historyOf(topic) === undefined) return undefined;
    if (change.operation === 'resync') return { resync: TopicPattern.parse(topic)! };
    const data = this.dataOf(rule, change);
    if (data === undefined) return { resync: TopicPattern.parse(topic)! };
    // With what it says, so that the same note under another rule is no reuse of its key.
    const key = `rows:${name}:${hash('sha256', `${topic}\n${data}`).slice(0, 16)}`;
    return { messages: [{ topic, data, key }] };
  }

  /** A row that is too large for a message is left out: its key says what to read. */
  private dataOf(rule: RowRule, change: NonNullable<RowNote['change']>): string | undefined {
    const whole = encodeRowMessage(rule, change, rule.columns.length > 0);
    const small = encodeRowMessage(rule, change, false);
    return [whole, small].find((data) => Buffer.byteLength(data) <= this.env.messageBytes);
  }

  private fail(error: unknown): void {
    const { code, message } = namedError(error);
    this.checkAtMs = 0;
    this.pausedUntilMs = performance.now() + PAUSE_MS;
    this.metrics.rows.inc({ outcome: 'failed' });
    const fields = { code, ...(code === 'INTERNAL' && { err: error }) };
    if (this.failure !== message)
      this.logger.warn(fields, `Changes of rows are told to subscribers later: ${message}`);
    this.failure = message;
  }
}
