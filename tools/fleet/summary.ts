/** What this tool reads of central's GET /api/fleet/summary. */
export interface FleetSummary {
  at: string;
  total: number;
  states: Record<FleetState, number>;
  online: number;
  agents: { total: number; online: number };
  notServed: { pending: number; revoked: number; quarantined: number };
  worstLag: FleetDevice | null;
  devices: FleetDevice[];
  publishedToProved: { count: number; p50Ms: number; p95Ms: number; p99Ms: number } | null;
  degraded: { part: string; problem: string; centrals: string[] }[];
  centrals: unknown[];
}

export const fleetStates = ['current', 'behind', 'failing', 'silent', 'never'] as const;
type FleetState = (typeof fleetStates)[number];

export interface FleetDevice {
  name: string;
  macAddress: string | null;
  state: FleetState;
  online: boolean;
  code: string | null;
  table: string | null;
  lagSeconds: number;
  nextStep: string | null;
}
