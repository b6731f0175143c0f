import type { FastifyRequest } from 'fastify';
import { TokenAuthenticator } from './token-authenticator';

const TOKEN = 'a-token-of-sixteen';
const authenticator = new TokenAuthenticator(TOKEN);

function callFrom(remoteAddress: string, authorization?: string) {
  const headers = { host: 'edge.example:8081', ...(authorization !== undefined && { authorization }) };
  return authenticator.authenticate({ socket: { remoteAddress }, headers } as FastifyRequest);
}

describe('the routes of an edge with a token', () => {
  it('answer whoever has it, from anywhere', () => {
    expect(callFrom('10.0.0.7', `Bearer ${TOKEN}`)).toMatchObject({ kind: 'local', id: 'api-token' });
  });

  it('do not answer another machine without it', () => {
    expect(() => callFrom('10.0.0.7')).toThrow(expect.objectContaining({ code: 'CALLER_NOT_LOCAL' }));
  });

  it.each([
    ['a wrong token', 'Bearer another-of-sixteen'],
    ['no token', 'Bearer '],
    ['more than the token', `Bearer ${TOKEN}x`],
    ['the token in another way', `Basic ${TOKEN}`],
  ])('refuse %s, also from this machine', (_, authorization) => {
    for (const address of ['10.0.0.7', '127.0.0.1']) {
      expect(() => callFrom(address, authorization)).toThrow(
        expect.objectContaining({ code: 'API_TOKEN_INVALID' }),
      );
    }
  });
});
