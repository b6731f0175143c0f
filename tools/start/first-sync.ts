import { setTimeout as delay } from 'node:timers/promises';
import { formatBytes, formatCount, formatSeconds, Progress } from '@rivulet/cli';
import { readSyncStatus, type SyncProgress, type SyncResult } from './sync-status';

const POLL_MS = 100;
const QUIET_MS = 1_000;
/** The edge syncs soon after its start. One that has not begun after this long is not going to soon. */
const IDLE_PATIENCE_MS = 30_000;

/** The result of the first cycle that began after `since`, or undefined if the edge begins none. */
export async function awaitFirstSync(
  edgeUrl: string,
  since: Date,
  signal: AbortSignal,
): Promise<SyncResult | undefined> {
  const progress = new Progress('First sync', { quietMs: QUIET_MS });
  const speed = new Speed();
  let lastSeenSyncing = performance.now();
  try {
    while (!signal.aborted && performance.now() - lastSeenSyncing < IDLE_PATIENCE_MS) {
      const status = await readSyncStatus(edgeUrl);
      const result = status?.lastResult;
      if (result && new Date(result.startedAt) >= since) return result;
      if (status?.state === 'syncing') lastSeenSyncing = performance.now();
      if (status?.progress !== undefined) progress.update(...describe(status.progress, speed));
      await delay(POLL_MS);
    }
    return undefined;
  } finally {
    progress.finish();
  }
}

function describe(progress: SyncProgress, speed: Speed): [fraction: number | undefined, detail: string] {
  const { phase, rowsDone, rowsTotal, bytesDone, bytesTotal } = progress;
  const fraction = bytesTotal > 0 ? bytesDone / bytesTotal : rowsTotal > 0 ? rowsDone / rowsTotal : undefined;
  const parts = [
    rowsTotal > 0 ? `${phase} ${formatCount(rowsDone)} of ${formatCount(rowsTotal)} rows` : phase,
  ];
  const bytesPerSecond = speed.measure(phase, bytesDone);
  if (bytesPerSecond > 0) {
    parts.push(`${formatBytes(bytesPerSecond)}/s`);
    if (bytesTotal > bytesDone)
      parts.push(`${formatSeconds(Math.ceil((bytesTotal - bytesDone) / bytesPerSecond))} left`);
  }
  return [fraction, parts.join(', ')];
}

/** Bytes per second since the phase began. */
class Speed {
  private phase = '';
  private startedAt = 0;
  private startedWith = 0;

  measure(phase: string, bytes: number): number {
    if (phase !== this.phase || bytes < this.startedWith) {
      this.phase = phase;
      this.startedAt = performance.now();
      this.startedWith = bytes;
    }
    const seconds = (performance.now() - this.startedAt) / 1_000;
    return seconds === 0 ? 0 : (bytes - this.startedWith) / seconds;
  }
}
