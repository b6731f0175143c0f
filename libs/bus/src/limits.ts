/** Bounds of a bus, the same for every driver. */
export const busLimits = {
  /** The largest message, as UTF-8. NATS takes 1 MiB. */
  maxMessageBytes: 512 * 1024,
  maxTopicLength: 250,
  maxWords: 16,
  /** Limits of what waits for one subscription's handler. Beyond them, the oldest are dropped and the subscription hears of a gap. */
  maxWaitingMessages: 10_000,
  maxWaitingBytes: 16 * 1024 * 1024,
  /** Limits of what waits for the server. Beyond them, publishing is refused. */
  maxUnsentMessages: 10_000,
  maxUnsentBytes: 16 * 1024 * 1024,
  publishTimeoutMs: 5_000,
  closeTimeoutMs: 5_000,
  reconnectMs: { first: 100, most: 5_000 },
  /** A connection is asked whether it lives, and dropped if it does not answer as long. */
  heartbeatMs: 10_000,
} as const;
