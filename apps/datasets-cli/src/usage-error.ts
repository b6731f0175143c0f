/** The command is not understood. */
export class UsageError extends Error {}
