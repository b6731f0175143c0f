import { Canary, findCanaries } from '../support/attacks/canary';

it('a secret would be found', () => {
  const canary = new Canary('x', 'rvk_abcdefghijklmnopqrstuvwxyz0123456789');
  for (const text of [
    '…abcdefghijklmnopqrstuv…',
    `Basic ${Buffer.from('u:rvk_abcdefghijklmnopqrstuvwxyz0123456789').toString('base64')}`,
    Buffer.from('abcdefghijklmnopqrstuvwxyz').toString('hex'),
  ])
    expect(findCanaries([canary], [['a log', text]])).toHaveLength(1);
});
