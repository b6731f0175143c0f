import { whyWithoutTrigger, type TableWithoutTrigger } from './tables-without-trigger';

function tables(count: number, problem: TableWithoutTrigger['problem']): TableWithoutTrigger[] {
  return Array.from({ length: count }, (_, index) => {
    return { oid: String(index), name: `warehouse.table_${index}`, role: 'reader', problem };
  });
}

describe('messages: the statement that gives tables their triggers', () => {
  it('is complete for few tables', () => {
    expect(whyWithoutTrigger(tables(2, 'forbidden'))).toContain(
      'let the owner run: GRANT TRIGGER ON warehouse.table_0, warehouse.table_1 TO reader (or, ',
    );
  });

  it.each([
    [
      'forbidden',
      /run: GRANT TRIGGER ON (?:warehouse\.table_\d+(?:, )?)+ TO reader; (\d+) more tables need the same/,
    ],
    [
      'not-always',
      /run: (?:ALTER TABLE ONLY warehouse\.table_\d+ ENABLE ALWAYS TRIGGER \w+(?:; )?)+; (\d+) more tables/,
    ],
  ] as const)('can be copied when it is for many, and says where the others are (%s)', (problem, pattern) => {
    const reason = whyWithoutTrigger(tables(100, problem));
    expect(reason).toMatch(pattern);
    expect(reason).toContain('which GET /api/operators/datasets names for each dataset');
  });
});
