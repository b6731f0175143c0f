import { RivuletError } from '@rivulet/errors';
import type { LiveEnv } from '../live.env';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** @throws RivuletError ENVIRONMENT_INVALID for an address that others reach, without TLS */
export function listeningHost({ agentHost, plaintext }: LiveEnv, hasTls: boolean): string {
  if (hasTls || plaintext) return agentHost ?? '0.0.0.0';
  if (agentHost === undefined) return '127.0.0.1';
  if (LOOPBACK.test(agentHost)) return agentHost;
  throw new RivuletError(
    'ENVIRONMENT_INVALID',
    `CENTRAL_AGENT_HOST is ${agentHost}, which other machines reach, and agents would send their tokens in the clear.`,
    {
      nextStep:
        'Set CENTRAL_TLS_CERT_FILE and CENTRAL_TLS_KEY_FILE, or CENTRAL_AGENT_PLAINTEXT=true where the network is trusted.',
    },
  );
}
