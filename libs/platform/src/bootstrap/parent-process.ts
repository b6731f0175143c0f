/** What an app tells a parent that started it with an IPC channel. */
export type ParentMessage =
  | { type: 'listening'; app: string; url: string; databaseUrl?: string }
  | { type: 'start-failed'; code: string; message: string; nextStep: string };

/** Resolves when the message is on its way, or when there is nobody to tell. */
export async function sendToParent(message: ParentMessage): Promise<void> {
  if (!process.send || !process.connected) return;
  await new Promise<void>((resolve) => {
    process.send!(message, undefined, undefined, () => resolve());
  });
}

/** Calls back once when the parent has died: its end of the channel closes, however it died. */
export function onParentDeath(callback: () => void): void {
  if (!process.channel) return;
  process.once('disconnect', callback);
  if (!process.connected) callback();
}
