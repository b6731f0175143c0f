import type { AgentMessage } from './agent-message';

/** One line of NDJSON, with its line feed. JSON escapes the line feeds of texts, so a message never has one inside. */
export function encodeAgentMessage(message: AgentMessage): string {
  return `${JSON.stringify(message)}\n`;
}
