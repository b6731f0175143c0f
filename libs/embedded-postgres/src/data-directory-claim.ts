import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findLivePostmaster, isStale, readPostmasterFile } from './postmaster-file';
import { serverUnavailable } from './server-unavailable';

/** While the owner is alive: it may be about to stop, as in a restart. */
const OWNED_PATIENCE_MS = 3_000;
/** For a server that is stopping or whose owner was killed: five seconds, then its last checkpoint. */
const STOPPING_PATIENCE_MS = 20_000;
const POLL_MS = 50;

/** Waits for a server that is shutting down on this directory, and removes a stale postmaster.pid. */
export async function claimDataDirectory(directory: string): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    const server = findLivePostmaster(directory);
    if (server === undefined) break;
    const isOwned = server.ownerPid !== undefined && server.state !== 'stopping';
    if (performance.now() - startedAt > (isOwned ? OWNED_PATIENCE_MS : STOPPING_PATIENCE_MS)) {
      throw serverUnavailable(
        `process ${server.ownerPid ?? server.pid} is already running a server on ${directory}.`,
        'Use that Rivulet, or stop it first.',
      );
    }
    await delay(POLL_MS);
  }
  await removeStaleFile(directory);
}

async function removeStaleFile(directory: string): Promise<void> {
  const dataDirectory = join(directory, 'data');
  let file = readPostmasterFile(dataDirectory);
  if (file !== undefined && Number.isNaN(file.pid)) {
    await delay(5 * POLL_MS); // A server that has just created the file writes its pid next.
    file = readPostmasterFile(dataDirectory);
  }
  if (file !== undefined && isStale(file, directory))
    await rm(join(dataDirectory, 'postmaster.pid'), { force: true });
}
