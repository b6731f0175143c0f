import type { EdgeLimits } from '../../../apps/edge/test/edge-app';
import { startCentralInProcess } from './central-in-process';
import { startEdgeInProcess } from './edge-in-process';
import type { Starters } from './sync-pair';

/** Both apps in the process of the test, which is cheaper where a test is not about processes, or about what they log. */
export const inProcess = inProcessWith({});

export function inProcessWith(limits: EdgeLimits): Starters {
  return {
    central: startCentralInProcess,
    edge: async (variables) => (await startEdgeInProcess(variables, limits)).withoutLog(),
  };
}
