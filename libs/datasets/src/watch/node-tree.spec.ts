import fc from 'fast-check';
import { childOf, nodesOf, parseNodeTree, wordOf, type TreeNode } from './node-tree';

function only(text: string): TreeNode {
  const [value] = parseNodeTree(text);
  return value as TreeNode;
}

/** As outToken() of PostgreSQL writes a name. */
function escaped(name: string): string {
  if (name === '') return '""';
  const first = /^[<"0-9+.-]/.test(name) ? '\\' : '';
  return first + name.replaceAll(/[\s(){}\\]/g, (mark) => `\\${mark}`);
}

describe('a node tree', () => {
  it('has nodes with fields, words and lists', () => {
    const tree = only(
      '{OPEXPR :opno 98 :args ({VAR :varno 1} {CONST :constvalue 5 [ 20 0 -1 ]}) :location -1}',
    );
    expect(tree.tag).toBe('OPEXPR');
    expect(wordOf(tree, 'opno')).toBe('98');
    expect([...nodesOf([tree])].map(({ tag }) => tag)).toEqual(['OPEXPR', 'VAR', 'CONST']);
  });

  it('has several values in a field, and none where it says <>', () => {
    const tree = only('{CONST :constvalue 5 [ 20 0 -1 ] :other <> :child {VAR :varno 1}}');
    expect(tree.fields.get('constvalue')).toEqual(['5', '[', '20', '0', '-1', ']']);
    expect(wordOf(tree, 'other')).toBeUndefined();
    expect(childOf(tree, 'child')?.tag).toBe('VAR');
    expect(childOf(tree, 'other')).toBeUndefined();
  });

  it.each(['{', '{A', '{A :b', '{A b}', '(a', ')', '{A :b (c}', '}'])('%s is none', (text) => {
    expect(() => parseNodeTree(text)).toThrow('unreadable node tree');
  });

  it('gives back every name that a user may choose, and the fields behind it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const name = text.replaceAll('\0', '').replaceAll(/\s/gu, ' ');
        fc.pre(name !== '' && name !== '<>');
        const tree = only(
          `{TARGETENTRY :resname ${escaped(name)} :expr {FUNCEXPR :funcid 1299} :resjunk false}`,
        );
        expect(wordOf(tree, 'resname')).toBe(name);
        expect(wordOf(childOf(tree, 'expr')!, 'funcid')).toBe('1299');
      }),
    );
  });
});
