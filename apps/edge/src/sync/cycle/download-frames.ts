import { RivuletError } from '@rivulet/errors';
import type { PlannedFrame } from '../../mirrors/plan-tables';
import type { CycleContext } from './cycle-context';
import { bytesToFetch, fetchMissing, missingFrames } from './fetch-frames';
import type { Update } from './request-update';

/** Fetches the frames that the tasks need and the spool lacks. No transaction is open meanwhile. */
export async function downloadFrames(context: CycleContext, update: Update): Promise<void> {
  const { spool } = context.dependencies;
  const wanted = update.tasks.flatMap(({ frames }) => frames);
  await context.report.timed('downloadMs', async () => {
    await spool.recover();
    if (missingFrames(wanted, spool).size > 0) await fetchIntoSpool(context, update, wanted);
  });
}

async function fetchIntoSpool(
  context: CycleContext,
  { verified, plan }: Update,
  wanted: PlannedFrame[],
): Promise<void> {
  const { progress, report, call } = context;
  const { hub, spool } = context.dependencies;
  const named = new Set(wanted.map(({ digest }) => digest));
  progress.phase = 'downloading';
  progress.bytesDone = 0;
  progress.bytesTotal = bytesToFetch(plan, wanted, spool);
  // Frames of an abandoned manifest may be useful, but must neither pile up nor take the room of this one's.
  if (spool.bytes > 2 * plan.wireBytes || !(await spool.hasRoom(progress.bytesTotal))) {
    await spool.keepOnly(named);
  }
  await spool.requireRoom(progress.bytesTotal);
  const onFetched = (bytes: number): void => {
    report.received(bytes);
    progress.bytesDone += bytes;
  };
  const fetch = (): Promise<void> =>
    context.retrying(() => fetchMissing(hub, verified.manifest.manifestId, wanted, spool, call, onFetched));
  await fetch().catch(async (error: unknown) => {
    if (!isDiskFull(error) || spool.bytes === spool.bytesOf(named)) throw error;
    await spool.keepOnly(named);
    await fetch();
  });
}

function isDiskFull(error: unknown): boolean {
  return error instanceof RivuletError && error.code === 'DISK_FULL';
}
