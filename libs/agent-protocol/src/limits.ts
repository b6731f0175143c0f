/** Bounds of the agent protocol, the same for both transports. */
export const agentLimits = {
  /** The largest message as UTF-8, without its line feed. */
  maxMessageBytes: 262_144,
  /** Empty lines one after the other. They are skipped at a cost, and count as no message. */
  maxEmptyLines: 1_000,
  /** The deepest nesting of `data`, which itself is depth 1. */
  maxDepth: 8,
  /** Objects, lists and scalars in `data`, counted together. */
  maxValues: 20_000,
  maxNameLength: 200,
  maxTextLength: 65_536,
  /** The most fields that REGISTER and HEARTBEAT report. */
  maxReportedFields: 64,
  maxReportedTextLength: 512,
  /** All names and texts of one report together, which is kept for each device. */
  maxReportedCharacters: 4_096,
} as const;
