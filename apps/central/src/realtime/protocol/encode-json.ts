import { messageLimits } from '../rules/message-limits';

/** The JSON of a value that came as JSON; undefined where there is none, or it is nested too deep. */
export function encodeJson(value: unknown): string | undefined {
  return isShallow(value, messageLimits.maxDepth) ? JSON.stringify(value) : undefined;
}

/** Recursion ends at the limit, however deep the value is. */
function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((item) => isShallow(item, levels - 1));
}
