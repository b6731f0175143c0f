import { Failure } from '../failure';
import { readArguments } from './sql-arguments';

describe('the arguments of npm run sql', () => {
  it.each([
    [['edge', 'SELECT 1'], { app: 'edge', statement: 'SELECT 1', asJson: false }],
    [['central', 'SELECT 1', '--json'], { app: 'central', statement: 'SELECT 1', asJson: true }],
    [['--json', 'central', 'SELECT', '-1'], { app: 'central', statement: 'SELECT -1', asJson: true }],
    [['edge', '-- all of it\nTABLE a'], { app: 'edge', statement: '-- all of it\nTABLE a', asJson: false }],
    [['edge', '--comment=1'], { app: 'edge', statement: '--comment=1', asJson: false }],
  ])('%j are read', (argv, expected) => {
    expect(readArguments(argv)).toEqual(expected);
  });

  it('may ask for help', () => {
    expect(readArguments(['--help'])).toBeUndefined();
  });

  it.each([
    [[], /^Say whose database, central or edge\.\nUsage: /],
    [['SELECT 1'], /^Say whose database, central or edge\.\nUsage: /],
    [['edge', '--json'], /^The statement is missing; put it in quotes\.\nUsage: /],
  ])('%j are refused', (argv, message) => {
    const read = (): unknown => readArguments(argv);
    expect(read).toThrow(Failure);
    expect(read).toThrow(message);
  });
});
