import type { SyncProgress } from '../state/sync-progress';

/** Longer than a cycle takes in which nothing large has changed. */
const LONG_MS = 60_000;

/**
 * Says how far a cycle is that takes long: after a minute, and again each time that it has taken twice as long.
 *
 * @returns ends it
 */
export function watchLongCycle(
  progress: Readonly<SyncProgress>,
  warn: (message: string) => void,
): () => void {
  let elapsedMs = 0;
  let timer: NodeJS.Timeout;
  const wait = (ms: number): void => {
    timer = setTimeout(() => {
      elapsedMs += ms;
      warn(`The sync has been running for ${elapsedMs / 60_000} min and is ${describe(progress)}`);
      wait(elapsedMs);
    }, ms).unref();
  };
  wait(LONG_MS);
  return () => clearTimeout(timer);
}

function describe({ phase, rowsDone, rowsTotal, bytesDone, bytesTotal }: Readonly<SyncProgress>): string {
  if (phase === 'verifying' && rowsTotal > 0) return `${phase}: ${rowsDone} of ${rowsTotal} rows`;
  if (phase !== 'requesting' && bytesTotal > 0) return `${phase}: ${bytesDone} of ${bytesTotal} bytes`;
  return phase;
}
