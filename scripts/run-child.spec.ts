import { once } from 'node:events';
import { ScriptProject } from './test/script-project';

const parent = `
import { runChild } from './run-child.mjs';
const { code, stoppedBy } = await runChild(process.execPath, ['child.cjs'], {
  ipc: true,
  stopDeadlineMs: 300,
  onMessage: (message) => console.log(JSON.stringify(message)),
});
console.log(code, stoppedBy ?? 'by itself');
`;

describe('a script that runs a program', () => {
  let project: ScriptProject;

  beforeEach(() => {
    project = new ScriptProject();
    project.write('scripts/parent.mjs', parent);
  });
  afterEach(() => project.remove());

  it('passes on its exit code and its messages', async () => {
    project.write('child.cjs', `process.send({ type: 'listening' }, () => process.exit(7));`);
    const { output } = await project.run('parent.mjs');
    expect(output).toBe('{"type":"listening"}\n7 by itself\n');
  });

  it('passes on a signal, and waits for the program to end', async () => {
    project.write(
      'child.cjs',
      `process.on('SIGTERM', () => setTimeout(() => process.exit(3), 50)); console.log('runs'); setInterval(() => {}, 1_000);`,
    );
    const { child, ended } = project.start('parent.mjs');
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect((await ended).output).toBe('runs\n3 SIGTERM\n');
  });

  it('kills a program that does not end when it is asked to', async () => {
    project.write(
      'child.cjs',
      `process.on('SIGTERM', () => {}); console.log('runs'); setInterval(() => {}, 1_000);`,
    );
    const { child, ended } = project.start('parent.mjs');
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect((await ended).output).toBe('runs\n137 SIGTERM\n');
  });

  it('takes the program with it when it is killed', async () => {
    project.write(
      'child.cjs',
      `process.once('disconnect', () => { console.log('alone'); process.exit(); }); console.log('runs');`,
    );
    const { child, ended } = project.start('parent.mjs');
    await once(child.stdout!, 'data');
    child.kill('SIGKILL');
    expect((await ended).output).toBe('runs\nalone\n');
  });
});
