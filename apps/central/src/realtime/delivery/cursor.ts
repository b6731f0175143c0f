import type { Receiver } from './receiver';

/** Up to where one receiver has one topic. What it gets next has the position after it, or it is told to read again. */
export class Cursor {
  /** Reads from history what it lacks; until then it takes nothing from the feed. */
  isRecovering = false;
  isDetached = false;

  constructor(
    readonly receiver: Receiver,
    public epoch: string,
    public position: number,
  ) {}
}
