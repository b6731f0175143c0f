import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SpoolLock } from './spool-lock';

let directory: string;
let spool: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivulet-lock-'));
  spool = join(directory, 'edge.spool');
});
afterEach(() => rm(directory, { recursive: true }));

const take = (): Promise<SpoolLock> => SpoolLock.take(spool, 0);

describe('the lock of a spool', () => {
  it('is refused to a second, with the process that has it', async () => {
    const first = await take();

    await expect(take()).rejects.toMatchObject({
      code: 'SPOOL_TAKEN',
      message: `The spool ${spool} is in use by process ${process.pid}.`,
    });
    first.release();
  });

  it('is free again when it was released, and leaves nothing behind', async () => {
    (await take()).release();
    (await take()).release();

    expect(await readdir(directory)).toEqual([]);
  });

  it('waits for a process that is stopping', async () => {
    const first = await take();
    setTimeout(() => first.release(), 150);

    const second = await SpoolLock.take(spool, 30_000);

    expect(second).toBeInstanceOf(SpoolLock);
    second.release();
  });

  it('does not outlive a process that was killed', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    await writeFile(`${spool}.lock`, await identityOf(child.pid!));
    await expect(take()).rejects.toMatchObject({ code: 'SPOOL_TAKEN' });

    child.kill('SIGKILL');
    await once(child, 'exit');

    expect(await isTaken()).toBe(true);
  });

  it('does not count when its pid is another process by now', async () => {
    await writeFile(`${spool}.lock`, `${process.pid} 1 of-an-earlier-boot`);

    expect(await isTaken()).toBe(true);
  });

  it.each(['', 'not a pid'])('does not count when it says %p and nobody is writing it', async (content) => {
    await writeFile(`${spool}.lock`, content);
    await utimes(`${spool}.lock`, new Date(0), new Date(0));

    expect(await isTaken()).toBe(true);
  });

  it('is not taken away by a release of one that has lost it', async () => {
    const first = await take();
    await rm(`${spool}.lock`);
    await writeFile(`${spool}.lock`, 'of another');

    first.release();

    expect(await readFile(`${spool}.lock`, 'utf8')).toBe('of another');
  });

  it('goes to one of many that start at once', async () => {
    await writeFile(`${spool}.lock`, '999999999 1 of-an-earlier-boot');

    const locks = await Promise.allSettled(Array.from({ length: 8 }, take));

    const taken = locks.flatMap((lock) => (lock.status === 'fulfilled' ? [lock.value] : []));
    expect(taken).toHaveLength(1);
    taken[0]!.release();
  });
});

async function isTaken(): Promise<boolean> {
  const lock = await take();
  lock.release();
  return true;
}

/** As the lock has it. */
async function identityOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return `${pid} ${stat.split(') ').at(-1)!.split(' ')[19]} ${boot.trim()}`;
}
