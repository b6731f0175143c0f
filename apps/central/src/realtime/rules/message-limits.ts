/** Bounds of what clients and servers send, beside those that the environment sets. */
export const messageLimits = {
  /** The size of a message without its data. */
  envelopeBytes: 16 * 1024,
  /** Levels of arrays and objects in data. */
  maxDepth: 64,
  maxTokenCharacters: 8_192,
  maxIdCharacters: 64,
  /** Topics that a pattern stands for, and that a client brings positions of. */
  maxTopicsOfPattern: 1_000,
  maxBatch: 500,
} as const;
