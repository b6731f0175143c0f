/** The header of RFC 7240 by which a client says that it takes a 202 while an answer is made. */
export const PREFER_HEADER = 'prefer';
const RESPOND_ASYNC = 'respond-async';

/** How long central may let a client wait before a 202, whatever the client asks for. */
const PATIENCE_MAX_SECONDS = 20;
const PATIENCE_DEFAULT_SECONDS = 10;

/** The value of {@link PREFER_HEADER}: after this time, say that the answer is still being made. */
export function formatPatience(seconds: number): string {
  return `${RESPOND_ASYNC}, wait=${seconds}`;
}

/** Seconds after which a client wants to be told that its answer is still being made; undefined if it waits. */
export function parsePatience(prefer: string | undefined): number | undefined {
  const preferences = (prefer ?? '').split(/[,;]/).map((part) => part.trim().toLowerCase());
  if (!preferences.includes(RESPOND_ASYNC)) return undefined;
  const wait = preferences.map((part) => /^wait\s*=\s*"?(\d{1,6})"?$/.exec(part)?.[1]).find(Boolean);
  const seconds = wait === undefined ? PATIENCE_DEFAULT_SECONDS : Number(wait);
  return Math.min(Math.max(seconds, 1), PATIENCE_MAX_SECONDS);
}

/** Body of a 202: the same request, sent again, gets the answer when it is made. */
export interface WorkingResponse {
  status: 'working';
}

export const workingResponse: WorkingResponse = { status: 'working' };

/** Headers of a 202. */
export const patienceApplied = { 'preference-applied': RESPOND_ASYNC } as const;
