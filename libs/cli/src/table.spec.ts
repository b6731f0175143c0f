import { formatTable } from './table';

describe('a table', () => {
  it('aligns its columns', () => {
    const rows = [
      ['name', 'rows'],
      ['users', '1,032'],
      ['漢字', '7'],
    ];
    expect(formatTable(rows, { alignments: '<>' })).toEqual(['name    rows', 'users  1,032', '漢字       7']);
  });

  it('cuts wide columns, and leaves out what still does not fit', () => {
    const rows = [
      ['a', 'b', 'c'],
      ['x'.repeat(30), 'y'.repeat(30), 'z'.repeat(30)],
    ];
    expect(formatTable(rows, { alignments: '<<<', maxWidth: 40 })).toEqual([
      'a             b             c',
      'xxxxxxxxxxx…  yyyyyyyyyyy…  zzzzzzzzzzz…',
    ]);
    expect(formatTable(rows, { alignments: '<<<', maxWidth: 20 })).toEqual([
      'a         b',
      'xxxxxxx…  yyyyyyy…',
      '… and 1 more column',
    ]);
  });

  it('lets no value steer the terminal', () => {
    expect(formatTable([['\u001B[2Jx\n']], { alignments: '<' })).toEqual(['\\x1b[2Jx\\n']);
  });
});
