import { getMetadataStorage, IsInt, IsOptional, Max, validateSync } from 'class-validator';
import { rememberRules } from './remember-rules';

rememberRules();

class Amount {
  @IsInt()
  amount: unknown;
}

class Price extends Amount {
  @Max(10)
  discount = 0;
}

class Grouped {
  @IsInt({ groups: ['strict'] })
  amount: unknown;
}

function brokenRules(type: new () => { amount: unknown }, values: object, groups?: string[]): string[] {
  const errors = validateSync(Object.assign(new type(), values), { ...(groups && { groups }) });
  return errors.flatMap(({ constraints = {} }) => Object.keys(constraints)).toSorted();
}

describe('rules that are remembered', () => {
  it('are looked for once', () => {
    const storage = getMetadataStorage();
    const found = storage.getTargetValidationMetadatas(Amount, '', true, false);
    expect(storage.getTargetValidationMetadatas(Amount, '', true, false)).toBe(found);
  });

  it('are those of the class and of what it extends', () => {
    for (let times = 0; times < 2; times++) {
      expect(brokenRules(Amount, { amount: 'x', discount: 11 })).toEqual(['isInt']);
      expect(brokenRules(Price, { amount: 'x', discount: 11 })).toEqual(['isInt', 'max']);
      expect(brokenRules(Price, { amount: 1, discount: 11 })).toEqual(['max']);
    }
  });

  it('differ by what is asked for', () => {
    const storage = getMetadataStorage();
    const find = (always: boolean, strict: boolean): number =>
      storage.getTargetValidationMetadatas(Grouped, '', always, strict).length;
    expect([find(false, true), find(false, false), find(false, true)]).toEqual([0, 1, 0]);
    expect(brokenRules(Grouped, { amount: 'x' }, ['strict'])).toEqual(['isInt']);
    expect(brokenRules(Grouped, { amount: 'x' }, ['another'])).toEqual(['unknownValue']);
  });

  it('are looked for again when a class gets another', () => {
    class Late {
      @IsInt()
      amount: unknown;
    }
    expect(brokenRules(Late, {})).toEqual(['isInt']);
    IsOptional()(Late.prototype, 'amount');
    expect(brokenRules(Late, {})).toEqual([]);
  });
});
