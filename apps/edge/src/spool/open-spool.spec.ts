import { openSpool } from './open-spool';

describe('a spool', () => {
  it('that cannot be opened stops the start with a sentence that names the variable', async () => {
    await expect(openSpool('/dev/null/edge.spool', 65_536)).rejects.toMatchObject({
      code: 'ENVIRONMENT_INVALID',
      message: expect.stringMatching(/^EDGE_SPOOL_FILE is "\/dev\/null\/edge.spool"/) as string,
    });
  });
});
