import { setTimeout as sleep } from 'node:timers/promises';
import { uuidOfVersion } from '@rivulet/protocol';
import type { HeldConfiguration } from '../statement/held-configuration';
import { resolveSecrets, type SecretSources } from './resolve-secrets';
import type { WorkerClient } from './worker-client';

const CHECK_EVERY_MS = 1_000;
/** Looks in a row. */
const FAILURES_MAX = 3;

/** All workers of this device, which get the same. */
export class WorkerSet {
  private readonly gone = new Set<WorkerClient>();

  constructor(
    readonly workers: readonly WorkerClient[],
    private readonly secrets: SecretSources,
  ) {}

  /** To one after the other: one that refuses it keeps it from the rest. @throws RivuletError WORKER_REFUSED · WORKER_UNREACHABLE · CONFIGURATION_SECRET_MISSING */
  async push(held: HeldConfiguration, signal: AbortSignal): Promise<void> {
    const document = await this.documentOf(held);
    for (const worker of this.workers) await worker.push(document, signal);
  }

  /**
   * Gives it to those workers that have something else or nothing, or were gone: they were started again.
   *
   * @returns how many
   * @throws RivuletError WORKER_UNREACHABLE · WORKER_REFUSED · CONFIGURATION_SECRET_MISSING
   */
  async refresh(held: HeldConfiguration, signal: AbortSignal): Promise<number> {
    const { name, version } = held.statement;
    const expected = uuidOfVersion(name, version);
    let given = 0;
    for (const worker of this.workers) {
      const current = await worker.current(signal).catch((error: unknown) => {
        this.gone.add(worker);
        throw error;
      });
      if (current === expected || (current === 'unknown' && !this.gone.has(worker))) continue;
      await worker.push(await this.documentOf(held), signal);
      this.gone.delete(worker);
      given++;
    }
    return given;
  }

  /**
   * Resolves when all have been healthy for so long. A worker that is started again in the meantime is not unhealthy.
   *
   * @throws RivuletError WORKER_UNHEALTHY
   */
  async stayHealthy(forMs: number, signal: AbortSignal): Promise<void> {
    const untilMs = performance.now() + forMs;
    for (let failures = 0; ;) {
      try {
        for (const worker of this.workers) await worker.checkHealth(signal);
        failures = 0;
        if (performance.now() >= untilMs) return;
      } catch (error) {
        if (++failures === FAILURES_MAX || signal.aborted) throw error;
      }
      await sleep(CHECK_EVERY_MS, undefined, { signal });
    }
  }

  /** The fields of the documents stand beside those of the data. */
  private async documentOf({ statement }: HeldConfiguration): Promise<object> {
    const { name, version, pollIntervalSeconds } = statement;
    const { data, secretPaths } = await resolveSecrets(statement.data, this.secrets);
    const isPlain = typeof data === 'object' && data !== null && !Array.isArray(data);
    return {
      ...(isPlain ? data : { data }),
      version,
      uuid: uuidOfVersion(name, version),
      pooling_interval: pollIntervalSeconds,
      ...(secretPaths.length > 0 && {
        secret_paths: isPlain ? secretPaths : secretPaths.map((path) => `/data${path}`),
      }),
    };
  }
}
