/** A device is nudged at most once in this time; what comes earlier waits. */
const AT_MOST_EVERY_MS = 1_000;

/** Devices that are nudged at once. Beyond that, each gets a time of its own, within a span that grows with their number. */
const AT_ONCE = 20;
const SPREAD_MS_EACH = 2;
const SPREAD_MOST_MS = 3_000;

/** When each device is to be nudged. */
export class NudgeQueue {
  private readonly dueAtMs = new Map<string, number>();
  private readonly nudgedAtMs = new Map<string, number>();

  constructor(private readonly random: () => number = Math.random) {}

  add(devices: readonly string[], nowMs: number): void {
    const spreadMs =
      devices.length <= AT_ONCE ? 0 : Math.min(SPREAD_MOST_MS, devices.length * SPREAD_MS_EACH);
    for (const device of devices) {
      // One that waits covers what has changed since, as it has not synced yet.
      if (this.dueAtMs.has(device)) continue;
      const earliestMs = (this.nudgedAtMs.get(device) ?? -Infinity) + AT_MOST_EVERY_MS;
      this.dueAtMs.set(device, Math.max(earliestMs, nowMs + this.random() * spreadMs));
    }
  }

  /** Takes those whose time has come. */
  takeDue(nowMs: number): string[] {
    const due = [...this.dueAtMs].filter(([, dueAtMs]) => dueAtMs <= nowMs).map(([device]) => device);
    for (const device of due) {
      this.dueAtMs.delete(device);
      this.nudgedAtMs.set(device, nowMs);
    }
    return due;
  }

  forget(device: string): void {
    this.dueAtMs.delete(device);
    this.nudgedAtMs.delete(device);
  }
}
