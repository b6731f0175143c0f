import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type MessageEvent, type OnApplicationShutdown } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { from, type Observable } from 'rxjs';
import type { CollectionRun } from './collection-run';
import { RunStore } from './run-store';

const EVERY_MS = 1_000;
const FOLLOWED_MAX = 200;

/** Progress of a run, as it is published. */
export interface RunStatus {
  run_id: string;
  state: CollectionRun['state'];
  networks: CollectionRun['networks'];
  rows: number;
  bytes: number;
  sent_bytes: number;
  /** Bytes of rows, since the run began. */
  megabytes_per_second: number;
  /** By the share of networks that are done; missing before the first one is. */
  eta_seconds?: number;
}

/** Follows runs by looking each second: whichever central the networks talk with. */
@Injectable()
export class RunProgress implements OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private followed = 0;

  constructor(private readonly runs: RunStore) {}

  /** @throws RivuletError COLLECTION_RUN_UNKNOWN · SERVER_BUSY */
  async follow(runId: string): Promise<Observable<MessageEvent>> {
    const run = await this.runs.get(runId);
    if (this.followed >= FOLLOWED_MAX)
      throw new RivuletError('SERVER_BUSY', `${FOLLOWED_MAX} runs are being followed.`, {
        retryAfterSeconds: 10,
      });
    return from(this.events(run));
  }

  onApplicationShutdown(): void {
    this.stopping.abort();
  }

  private async *events(first: CollectionRun): AsyncGenerator<MessageEvent, void> {
    this.followed += 1;
    try {
      let told = '';
      for (let run = first; ; run = await this.runs.get(first.runId)) {
        const data = statusOf(run, new Date());
        const text = courseOf(data);
        if (text !== told) yield { type: 'progress', data };
        told = text;
        if (run.finishedAt !== null || this.stopping.signal.aborted) return;
        await sleep(EVERY_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      }
    } finally {
      this.followed -= 1;
    }
  }
}

/** What of it is new when the run has gone on, without what changes with the time alone. */
export function courseOf(status: RunStatus): string {
  return JSON.stringify({ ...status, eta_seconds: undefined, megabytes_per_second: undefined });
}

export function statusOf(run: CollectionRun, now: Date): RunStatus {
  const { networks, rows, bytes, sentBytes, startedAt } = run;
  const seconds = startedAt === null ? 0 : ((run.finishedAt ?? now).getTime() - startedAt.getTime()) / 1_000;
  const all = Object.values(networks).reduce((sum, count) => sum + count, 0);
  const left = networks.waiting + networks.active;
  const done = all - left;
  return {
    run_id: run.runId,
    state: run.state,
    networks,
    rows,
    bytes,
    sent_bytes: sentBytes,
    megabytes_per_second: seconds === 0 ? 0 : Math.round(bytes / seconds / 1_000) / 1_000,
    ...(done > 0 && left > 0 && { eta_seconds: Math.ceil((seconds / done) * left) }),
  };
}
