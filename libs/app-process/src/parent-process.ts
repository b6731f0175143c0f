import type { AppMessage } from './ipc-messages';

/** Resolves when the message is on its way, or when there is nobody to tell. */
export async function sendToParent(message: AppMessage): Promise<void> {
  if (!process.send || !process.connected) return;
  await new Promise<void>((resolve) => {
    process.send!(message, undefined, undefined, () => resolve());
  });
}

/**
 * Calls back once when the parent has died: its end of the IPC channel closes, however it died. Waiting for that does
 * not keep the process alive.
 */
export function onParentDeath(callback: () => void): void {
  if (!process.channel) return;
  process.once('disconnect', callback);
  process.channel.unref();
  if (!process.connected) callback();
}
