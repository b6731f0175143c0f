import type { CentralInProcess } from '../apps/central-in-process';

export interface AgentAnswer {
  status: number;
  headers: Headers;
  body: unknown;
}

/** A small agent that is registered at central. */
export interface TestAgent {
  id: string;
  token: string;
  get(path: string, headers?: Record<string, string>): Promise<AgentAnswer>;
  post(path: string, body: object): Promise<AgentAnswer>;
}

export async function registerAgent(central: CentralInProcess, hostname = 'agent-1'): Promise<TestAgent> {
  const [, made] = await central.call<{ token: string }>('GET', '/agent/admin');
  const [, registered] = await central.call<{ agent_id: string; token: string }>(
    'POST',
    '/api/v1/register',
    { hostname },
    bearer(made.token),
  );
  const { agent_id: id, token } = registered;
  const call = async (path: string, init: RequestInit): Promise<AgentAnswer> => {
    const response = await fetch(`${central.url}${path}`, {
      ...init,
      headers: { ...bearer(token), ...(init.headers as Record<string, string>) },
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
  };
  return {
    id,
    token,
    get: (path, headers = {}) => call(path, { headers }),
    post: (path, body) =>
      call(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
  };
}

function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}
