import { packDocument, unpackDocument } from './pack-document';

function part(content: unknown): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}

const columns = ['id', 'name', 'amount'].map((name) => ({ name, type: 'text' }));
const tables = ['a', 'b', 'c'].map((name) => ({
  name,
  columns,
  key: ['id'],
  schema: 'public',
  onRemove: 'keep',
}));
const signature = Buffer.alloc(64, 7).toString('base64url');

describe('a packed document', () => {
  it.each([
    ['a manifest', `${part({ alg: 'EdDSA' })}.${part({ tables })}.${signature}`],
    ['an empty part', `${part({})}..${signature}`],
    ['parts that base64url writes in another way', 'YR.YR.YR'],
    ['padding', 'YQ==.YQ==.YQ=='],
    ['too few parts', part({ tables })],
    ['too many parts', 'YQ.YQ.YQ.YQ'],
    ['something else', 'ä – "\n'],
    ['nothing', ''],
  ])('comes back as it was: %s', (_, document) => {
    expect(unpackDocument(packDocument(document))).toBe(document);
  });

  it('is much smaller', () => {
    const document = `${part({ alg: 'EdDSA' })}.${part({ tables })}.${signature}`;
    expect(packDocument(document).length).toBeLessThan(document.length / 2);
  });
});
