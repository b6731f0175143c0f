export type { AgentMessage, Sender } from './agent-message';
export { encodeAgentMessage } from './encode-message';
export { agentLimits } from './limits';
export { LineDecoder } from './line-decoder';
export { parseAgentMessage } from './parse-message';
