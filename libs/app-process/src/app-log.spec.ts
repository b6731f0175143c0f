import { complaintsIn, lastFailuresIn } from './app-log';

const log = [
  '{"level":"info","msg":"Listening"}',
  '{"level":"warn","msg":"a warning"}',
  '{"level":"error","msg":"an error"}',
  'FATAL ERROR: out of memory',
  '    at somewhere (file.js:1:1)',
  '{"level":"fatal","msg":"the end"}',
  '',
].join('\n');

describe('the log of an app', () => {
  it('is searched for what is at WARN and above', () => {
    expect(complaintsIn(log).map(({ msg }) => msg)).toEqual(['a warning', 'an error', 'the end']);
  });

  it('is searched for its last errors and for lines of a crash, without stacks', () => {
    expect(lastFailuresIn(log)).toEqual(['an error', 'FATAL ERROR: out of memory', 'the end']);
  });

  it('yields the last five failures at most', () => {
    const lines = Array.from({ length: 9 }, (_, index) => `{"level":"error","msg":"${index}"}`);
    expect(lastFailuresIn(lines.join('\n'))).toEqual(['4', '5', '6', '7', '8']);
  });
});
