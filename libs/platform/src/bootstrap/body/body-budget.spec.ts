import { BodyBudget } from './body-budget';

describe('room for bodies', () => {
  it('is limited over all and for each address, and given back once', () => {
    const budget = new BodyBudget({ totalBytes: 10, addressBytes: 6 });
    const release = budget.reserve('a', 6);
    expect(release).toBeDefined();
    expect(budget.reserve('a', 1)).toBeUndefined();
    expect(budget.reserve('b', 5)).toBeUndefined();
    expect(budget.reserve('b', 4)).toBeDefined();
    release!();
    release!();
    expect(budget.reserve('c', 6)).toBeDefined();
    expect(budget.reserve('d', 1)).toBeUndefined();
  });
});
