export type Probe = 'ready' | 'startup';

/** One thing that health looks at. Apps give theirs to HealthModule. */
export interface HealthIndicator {
  name: string;
  /** The probes that fail while this is down. With none it is a detail: shown by all, degraded at worst. */
  probes: readonly Probe[];
  /** Anything thrown counts as down. A check that takes longer than two seconds does, too. */
  check(): Promise<HealthCheckOutcome>;
}

export interface HealthCheckOutcome {
  up: boolean;
  /** Shown to whoever may see the probe. The keys status, message and responseTime are taken. */
  detail?: Record<string, unknown>;
}
