/** The server did not answer, so the connection was closed. Another one may work. */
export class SilentConnectionError extends Error {
  readonly code = 'ETIMEDOUT';
  readonly syscall = 'read';

  constructor(silentMs: number) {
    super(`PostgreSQL did not answer for ${Math.round(silentMs / 1000)} s`);
    this.name = 'SilentConnectionError';
  }
}
