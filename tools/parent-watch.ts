/**
 * A script or a tool starts a program with an IPC channel and RIVULET_PARENT_CHANNEL=ipc, which promises that the
 * channel closes when the parent ends, however it ends. Then the callback is called, once.
 */
export function onParentGone(callback: () => void): void {
  if (process.env['RIVULET_PARENT_CHANNEL'] !== 'ipc' || process.channel === undefined) return;
  process.once('disconnect', callback);
  process.channel.unref(); // Waiting for it is no reason to stay.
}
