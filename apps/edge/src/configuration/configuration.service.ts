import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { namedError } from '@rivulet/platform';
import { ConfigurationCalls } from '../hub/configuration-calls';
import { ApplyConfiguration, type ApplyState } from './apply-configuration';
import { ConfigurationEnv, type DistributionStrategy } from './configuration.env';
import { ConfigurationMetrics } from './configuration.metrics';
import { ReportSender } from './report-sender';
import { ConfigurationCache } from './statement/configuration-cache';
import { WorkerClient } from './workers/worker-client';
import { WorkerSet } from './workers/worker-set';

export interface ConfigurationState extends ApplyState {
  name: string;
  workers: string[];
  pollIntervalSeconds: number;
  /** When central was asked last, and answered. */
  polledAt: Date | null;
  pollError: { code: string; message: string } | null;
}

const DEFAULT_INTERVAL_SECONDS = 30;
const RETRY_FIRST_MS = 1_000;
/** Polls of many devices that were started together drift apart. */
const JITTER = 0.1;
/** How often workers are looked at, whatever the interval. */
const SETTLE_EVERY_MS = 5_000;
const WORKER_RETRY_MS = { first: 500, most: 30_000 };

/** Asks central for the configuration of this device, and has the workers run by it. */
@Injectable()
export class ConfigurationService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Configuration');
  private readonly stopping = new AbortController();
  private readonly reports: ReportSender;
  private readonly apply: ApplyConfiguration;
  private readonly loops: Promise<void>[] = [];
  private wake = new AbortController();
  private polledAt: Date | null = null;
  private pollError: { code: string; message: string } | null = null;

  constructor(
    private readonly env: ConfigurationEnv,
    private readonly calls: ConfigurationCalls,
    private readonly cache: ConfigurationCache,
    private readonly metrics: ConfigurationMetrics,
  ) {
    const clients = env.workerUrls.map((url) => new WorkerClient(url, env.workerKey));
    const secrets = {
      variables: env.secretVariables,
      environment: process.env,
      directory: env.secretsDirectory,
    };
    this.reports = new ReportSender(calls, this.stopping.signal);
    this.apply = new ApplyConfiguration(
      cache,
      new WorkerSet(clients, secrets),
      { healthyForMs: env.healthyForMs, retryMs: WORKER_RETRY_MS },
      (report) => this.reports.send(report),
    );
  }

  get isActive(): boolean {
    return this.env.workerUrls.length > 0;
  }

  get state(): ConfigurationState {
    return {
      name: this.env.name,
      workers: this.env.workerUrls,
      pollIntervalSeconds: this.intervalSeconds,
      polledAt: this.polledAt,
      pollError: this.pollError,
      ...this.apply.state,
    };
  }

  onApplicationBootstrap(): void {
    if (!this.isActive) return;
    this.loops.push(this.pollLoop(), this.settleLoop());
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await Promise.all([...this.loops, this.reports.stopped()]);
  }

  /** Central has something new, says this channel. It counts if it is the one of the strategy. */
  hear(channel: DistributionStrategy): void {
    if (this.env.strategy === channel) this.pollNow();
  }

  /** Asks central now, instead of when the interval is over. */
  pollNow(): void {
    this.wake.abort();
  }

  private get intervalSeconds(): number {
    return this.cache.accepted?.statement.pollIntervalSeconds ?? DEFAULT_INTERVAL_SECONDS;
  }

  private async pollLoop(): Promise<void> {
    const { signal } = this.stopping;
    let retryMs = RETRY_FIRST_MS;
    while (!signal.aborted) {
      this.wake = new AbortController();
      const isDone = await this.poll();
      const intervalMs = this.intervalSeconds * 1_000 * (1 - JITTER * Math.random());
      const waitMs = isDone ? intervalMs : Math.min(intervalMs, retryMs * (1 + Math.random()));
      retryMs = isDone ? RETRY_FIRST_MS : retryMs * 2;
      await this.wait(waitMs, this.wake.signal);
    }
  }

  /** @returns whether central has answered */
  private async poll(): Promise<boolean> {
    const { signal } = this.stopping;
    try {
      const sent = await this.calls.fetch(this.env.name, this.cache.accepted?.etag, signal);
      if (sent !== undefined) {
        const { statement } = await this.cache.accept(sent.document, sent.etag);
        this.logger.log(`Central has version ${statement.version} of ${statement.name} for this device`);
        this.settleNow.abort();
      }
      this.metrics.polls.inc({ outcome: sent === undefined ? 'unchanged' : 'changed' });
      this.noteAnswer();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      return this.noteFailure(error);
    }
  }

  private noteAnswer(): void {
    this.polledAt = new Date();
    if (this.pollError !== null) this.logger.log('Central answers for the configuration again');
    this.pollError = null;
    this.reports.tryAgain();
  }

  /** Once for each reason. That there is none is an answer, too. */
  private noteFailure(error: unknown): boolean {
    const { code, message } = namedError(error);
    this.metrics.polls.inc({ outcome: code });
    if (this.pollError?.code !== code) {
      const line = `No configuration from central: ${message}`;
      if (code === 'CONFIGURATION_UNKNOWN' || code === 'DEVICE_NOT_REGISTERED')
        this.logger.log({ code }, line);
      else this.logger.warn({ code }, line);
    }
    this.pollError = { code, message };
    return code === 'CONFIGURATION_UNKNOWN';
  }

  private settleNow = new AbortController();

  /** Also while central is unreachable: workers are given again what they had. */
  private async settleLoop(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.settleNow = new AbortController();
      try {
        await this.apply.settle(AbortSignal.any([signal, this.settleNow.signal]));
      } catch (error) {
        if (!signal.aborted && !this.settleNow.signal.aborted) {
          const { code, message } = namedError(error);
          this.logger.warn({ code }, `The workers could not be given their configuration: ${message}`);
        }
      }
      await this.wait(SETTLE_EVERY_MS, this.settleNow.signal);
    }
  }

  private async wait(ms: number, wake: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([this.stopping.signal, wake]);
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}
