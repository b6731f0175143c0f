import { Inject, Injectable, ServiceUnavailableException, type OnApplicationBootstrap } from '@nestjs/common';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import { namedError } from '../problem/named-error';
import { DrainState } from './drain-state';
import type { HealthCheckOutcome, HealthIndicator, Probe } from './health-indicator';

export const HEALTH_INDICATORS = Symbol('health indicators');
export const HEALTH_CHECK_TIMEOUT_MS = Symbol('health check timeout');

@Injectable()
export class HealthService implements OnApplicationBootstrap {
  private started = false;
  private readonly running = new Map<string, Promise<HealthCheckOutcome>>();

  constructor(
    private readonly checks: HealthCheckService,
    private readonly results: HealthIndicatorService,
    private readonly drainState: DrainState,
    @Inject(HEALTH_INDICATORS) private readonly indicators: HealthIndicator[],
    @Inject(HEALTH_CHECK_TIMEOUT_MS) private readonly timeoutMs: number,
  ) {}

  onApplicationBootstrap(): void {
    this.started = true;
  }

  /** All indicators; fails when ready does. */
  everything(): Promise<HealthCheckResult> {
    return this.evaluate('ready', this.indicators, this.draining());
  }

  /** Details that no probe depends on are shown as well. */
  ready(): Promise<HealthCheckResult> {
    const concerned = this.indicators.filter(({ probes }) => probes.length === 0 || probes.includes('ready'));
    return this.evaluate('ready', concerned, this.draining());
  }

  startup(): Promise<HealthCheckResult> {
    const concerned = this.indicators.filter(({ probes }) => probes.includes('startup'));
    const session = this.results.check('process');
    return this.evaluate(
      'startup',
      concerned,
      this.started ? session.up() : session.down('The process is starting.'),
    );
  }

  private draining(): HealthIndicatorResult {
    const session = this.results.check('process');
    return this.drainState.draining ? session.down('The process is shutting down.') : session.up();
  }

  private async evaluate(
    probe: Probe,
    indicators: HealthIndicator[],
    own: HealthIndicatorResult,
  ): Promise<HealthCheckResult> {
    const checks = indicators.map(
      (indicator) => () => this.result(indicator, indicator.probes.includes(probe)),
    );
    try {
      return await this.checks.check([() => own, ...checks]);
    } catch (error) {
      // terminus throws what it found; a probe's answer is a value.
      if (error instanceof ServiceUnavailableException) return error.getResponse() as HealthCheckResult;
      throw error;
    }
  }

  private async result(indicator: HealthIndicator, mayFail: boolean): Promise<HealthIndicatorResult> {
    const session = this.results.check(indicator.name);
    let outcome: HealthCheckOutcome | undefined;
    const measured = await session
      .attempt(async () => {
        outcome = await this.runOnce(indicator);
        return outcome.detail;
      })
      .withTimeout(this.timeoutMs);
    const { status, ...data } = measured[indicator.name]!;
    if (status === 'up' && outcome?.up === true) return measured;
    return mayFail ? session.down(data) : session.degraded(data);
  }

  /** A probe every second on a database that hangs must not pile up checks. */
  private async runOnce(indicator: HealthIndicator): Promise<HealthCheckOutcome> {
    const running = this.running.get(indicator.name) ?? this.checked(indicator);
    this.running.set(indicator.name, running);
    return running.finally(() => this.running.delete(indicator.name));
  }

  private async checked(indicator: HealthIndicator): Promise<HealthCheckOutcome> {
    try {
      return await indicator.check();
    } catch (error) {
      return { up: false, detail: { message: namedError(error).message } };
    }
  }
}
