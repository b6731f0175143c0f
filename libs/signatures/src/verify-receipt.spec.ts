import { COLLECTION_RECEIPT_TYPE } from '@rivulet/protocol';
import { generatePrivateKey, readSigningPair } from './key-pair';
import { signStatement } from './statement';
import { verifyReceipt } from './verify-receipt';

const received = {
  runId: '01KAJ9V9RW4C7ZK3DYE7V1NB2R',
  deviceId: '01KAJ9V9RW4C7ZK3DYE7V1NB2S',
  name: 'orders',
  checksum: '0'.repeat(64),
  rows: 3,
  bytes: 90,
  committedAt: '2026-11-27T08:00:00.000Z',
};

it('a receipt shows which rows a central has committed, and by which key it says so', async () => {
  const central = await readSigningPair(generatePrivateKey());
  const receipt = await signStatement(central, COLLECTION_RECEIPT_TYPE, received);
  expect(await verifyReceipt(receipt)).toEqual({ ...received, centralKey: central.thumbprint });
});

it('a receipt that was changed, or is a statement of another kind, does not hold', async () => {
  const central = await readSigningPair(generatePrivateKey());
  const [header, , signature] = (await signStatement(central, COLLECTION_RECEIPT_TYPE, received)).split('.');
  const more = Buffer.from(JSON.stringify({ ...received, rows: 4 })).toString('base64url');
  await expect(verifyReceipt(`${header}.${more}.${signature}`)).rejects.toThrow('does not verify');
  const other = await signStatement(central, 'rivulet-report', received);
  await expect(verifyReceipt(other)).rejects.toThrow('of type rivulet-report');
});
