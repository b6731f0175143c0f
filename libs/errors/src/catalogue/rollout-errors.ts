import type { ErrorDescription } from './error-description';

export const rolloutErrors = {
  ROLLOUT_UNKNOWN: {
    title: 'There is no such rollout',
    meaning: 'No rollout has this id, or it is older than the 200 that are kept of each configuration.',
    nextStep: 'List the rollouts: GET /api/rollouts.',
    transient: false,
  },
  ROLLOUT_ACTIVE: {
    title: 'A rollout is under way',
    meaning: 'Another version goes out in stages. A second one at the same time would mix the two.',
    nextStep: 'Wait until it is complete, or abort it: POST /api/rollouts/{id}/abort.',
    transient: false,
  },
  ROLLOUT_CONFLICT: {
    title: 'The rollout is in another state',
    meaning: 'Only a running rollout can be paused, only a paused one resumed. One that is over stays so.',
    nextStep: 'Look at the rollout: GET /api/rollouts/{id}.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
