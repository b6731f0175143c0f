import { cutLine, formatTable, markdownTable } from './table';

describe('a table', () => {
  it('aligns its columns', () => {
    const rows = [
      ['name', 'rows'],
      ['users', '1,032'],
      ['漢字', '7'],
    ];
    expect(formatTable(rows, { alignments: '<>' })).toEqual(['name    rows', 'users  1,032', '漢字       7']);
  });

  it('measures what a terminal shows as one character as one', () => {
    const rows = [
      ['e\u0301te\u0301', '.'],
      ['👩‍👩‍👧', '.'],
      ['🇩🇪', '.'],
      ['abc', '.'],
    ];
    expect(formatTable(rows, { alignments: '<<' })).toEqual([
      'e\u0301te\u0301  .',
      '👩‍👩‍👧   .',
      '🇩🇪   .',
      'abc  .',
    ]);
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

  it('cuts between characters, not within one', () => {
    const family = '👩‍👩‍👧';
    const [, line] = formatTable([['name'], [family.repeat(9)]], { alignments: '<', maxWidth: 10 });
    expect(line).toBe(`${family.repeat(4)}…`);
  });

  it('with rules has lines between head and rows and between columns, and keeps every column', () => {
    const rows = [
      ['id', 'name', 'note'],
      ['7', 'Grüner Tee, lose', 'x'.repeat(30)],
    ];
    expect(formatTable(rows, { alignments: '><<', maxWidth: 20, style: 'ruled' })).toEqual([
      'id │ name     │ note',
      '───┼──────────┼─────────',
      ' 7 │ Grüner … │ xxxxxxx…',
    ]);
  });

  it('lets no value steer the terminal', () => {
    expect(formatTable([['\u001B[2Jx\n\u202E\u2028y']], { alignments: '<' })).toEqual([
      '\\x1b[2Jx\\n\\u202e\\u2028y',
    ]);
  });

  it('lets no value turn the direction of a line, nor break it', () => {
    expect(formatTable([['a\u202eb\u2028c', '👩‍👩‍👧']], { alignments: '<<' })).toEqual(['a\\u202eb\\u2028c  👩‍👩‍👧']);
  });

  it('is also had as Markdown', () => {
    expect(markdownTable(['what', 'ms'], [['one sync', 12.5]])).toBe(
      '| what | ms |\n|---|---|\n| one sync | 12.5 |',
    );
  });
});

it('cuts a line by the cells of a terminal, which colours do not take', () => {
  const red = '\u001b[31m漢字漢字\u001b[39m';
  expect(cutLine(red, 8)).toBe(red);
  expect(cutLine(red, 7)).toBe('漢字漢…');
  expect(cutLine(red)).toBe(red);
});
