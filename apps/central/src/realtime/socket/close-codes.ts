/** Why central closes a connection: https://www.rfc-editor.org/rfc/rfc6455#section-7.4 and codes of our own. */
export const closeCodes = {
  goingAway: 1012,
  tokenExpired: 4001,
  notAuthenticated: 4002,
  tooSlow: 4008,
  internal: 1011,
  bye: 1000,
  /** Nothing was heard of it: there is nobody to tell a code. */
  gone: 1006,
} as const;

export type CloseReason = keyof typeof closeCodes;
