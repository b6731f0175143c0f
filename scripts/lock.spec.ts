import { once } from 'node:events';
import { ScriptProject, type RunningScript } from './test/script-project';

const holder = `
import { lockHolder, tryLock, waitForLock } from './lock.mjs';
const [command] = process.argv.slice(2);
if (command === 'hold') {
  tryLock('the.lock');
  console.log('holds');
  setInterval(() => {}, 1_000);
} else if (command === 'who') console.log(lockHolder('the.lock') ?? 'nobody');
else if (command === 'try') console.log(tryLock('the.lock') === undefined ? 'refused' : 'got it');
else {
  const release = await waitForLock('the.lock', () => console.log('waits'));
  console.log('got it');
  release();
}
`;

describe('a lock', () => {
  let project: ScriptProject;

  beforeEach(() => {
    project = new ScriptProject();
    project.write('scripts/use-lock.mjs', holder);
  });
  afterEach(() => project.remove());

  async function hold(): Promise<RunningScript> {
    const running = project.start('use-lock.mjs', ['hold']);
    await once(running.child.stdout!, 'data');
    return running;
  }

  async function use(command: string): Promise<string> {
    return (await project.run('use-lock.mjs', [command])).output.trim();
  }

  it('is held by one process, which others see', async () => {
    const { child, ended } = await hold();
    expect(await use('try')).toBe('refused');
    expect(await use('who')).toBe(String(child.pid));
    child.kill('SIGKILL');
    await ended;
  });

  it('ends with its process, also by kill -9', async () => {
    const { child, ended } = await hold();
    child.kill('SIGKILL');
    await ended;
    expect(project.has('the.lock')).toBe(true);
    expect(await use('who')).toBe('nobody');
    expect(await use('try')).toBe('got it');
  });

  it('is waited for until it is given back', async () => {
    const { child, ended } = await hold();
    const waiting = project.start('use-lock.mjs', ['wait']);
    await once(waiting.child.stdout!, 'data');
    child.kill('SIGKILL');
    await ended;
    expect(await waiting.ended).toEqual({ code: 0, output: 'waits\ngot it\n', errors: '' });
    expect(project.has('the.lock')).toBe(false);
  });

  it('of another process that now has the same pid does not count', async () => {
    project.write('the.lock', `${process.pid} 1 another-boot`);
    expect(await use('try')).toBe('got it');
  });
});
