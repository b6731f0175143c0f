import { agentErrors } from './catalogue/agent-errors';
import { availabilityErrors } from './catalogue/availability-errors';
import { configurationErrors } from './catalogue/configuration-errors';
import { collectionErrors } from './catalogue/collection-errors';
import { datasetErrors } from './catalogue/dataset-errors';
import { deviceErrors } from './catalogue/device-errors';
import { edgeErrors } from './catalogue/edge-errors';
import type { ErrorDescription } from './catalogue/error-description';
import { operatorErrors } from './catalogue/operator-errors';
import { realtimeErrors } from './catalogue/realtime-errors';
import { requestErrors } from './catalogue/request-errors';
import { rolloutErrors } from './catalogue/rollout-errors';
import { startErrors } from './catalogue/start-errors';
import { workerErrors } from './catalogue/worker-errors';

/**
 * Every error code of Rivulet. Codes are stable and public: they appear in problem documents, log tables and
 * docs/error-codes.md, which a test compares with this list.
 */
export const errorCatalogue = {
  ...requestErrors,
  ...deviceErrors,
  ...operatorErrors,
  ...datasetErrors,
  ...availabilityErrors,
  ...edgeErrors,
  ...startErrors,
  ...agentErrors,
  ...configurationErrors,
  ...rolloutErrors,
  ...collectionErrors,
  ...realtimeErrors,
  ...workerErrors,
} as const satisfies Record<string, ErrorDescription>;

export type ErrorCode = keyof typeof errorCatalogue;

/** The catalogue by area, in the order and with the headings of docs/error-codes.md. */
export const errorAreas: readonly { title: string; codes: readonly ErrorCode[] }[] = [
  { title: 'Requests', codes: codesOf(requestErrors) },
  { title: 'Devices and their manifests', codes: codesOf(deviceErrors) },
  { title: 'Operators', codes: codesOf(operatorErrors) },
  { title: 'Datasets and the source', codes: codesOf(datasetErrors) },
  { title: 'Availability', codes: codesOf(availabilityErrors) },
  { title: 'Syncs on the edge', codes: codesOf(edgeErrors) },
  { title: 'Start', codes: codesOf(startErrors) },
  { title: 'Agents', codes: codesOf(agentErrors) },
  { title: 'Configurations', codes: codesOf(configurationErrors) },
  { title: 'Rollouts', codes: codesOf(rolloutErrors) },
  { title: 'Collection', codes: codesOf(collectionErrors) },
  { title: 'Realtime', codes: codesOf(realtimeErrors) },
  { title: 'Workers', codes: codesOf(workerErrors) },
];

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorCatalogue, value);
}

/** Whether a retry can succeed without intervention. */
export function isTransient(code: ErrorCode): boolean {
  return errorCatalogue[code].transient;
}

function codesOf(area: Partial<Record<ErrorCode, ErrorDescription>>): ErrorCode[] {
  return Object.keys(area) as ErrorCode[];
}
