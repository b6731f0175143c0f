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
  // Frames of an abandoned manifest may be useful, but must not pile up.
  if (spool.bytes > 2 * plan.wireBytes) await spool.clear();
  progress.phase = 'downloading';
  progress.bytesDone = 0;
  progress.bytesTotal = bytesToFetch(plan, wanted, spool);
  await spool.requireRoom(progress.bytesTotal);
  const onFetched = (bytes: number): void => {
    report.received(bytes);
    progress.bytesDone += bytes;
  };
  await context.retrying(() =>
    fetchMissing(hub, verified.manifest.manifestId, wanted, spool, call, onFetched),
  );
}
