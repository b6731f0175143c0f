/** What `GET /api/rollouts/:id` answers, as far as tests look at it. */
export interface RolloutPage {
  rolloutId: string;
  status: string;
  stage: number;
  version: number;
  reason: string | null;
  detail: string | null;
  failures: object[];
  stages: {
    state: string;
    devices: number | null;
    applied: number | null;
    failed: number | null;
    healthy: number | null;
  }[];
  events: { what: string; stage: number; by: string | null }[];
}
