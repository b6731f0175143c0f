import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Readable by this user alone; after a power cut the file has either its old content or the new one. */
export async function writeFileSafely(path: string, content: string): Promise<void> {
  await rename(await writeBeside(path, content), path);
  await syncDirectory(dirname(path));
}

/** The same, where the file does not exist yet. One that does stays. */
export async function createFileSafely(path: string, content: string): Promise<void> {
  const temporary = await writeBeside(path, content);
  try {
    await link(temporary, path);
  } catch (error) {
    if (isWithoutLinks(error)) await rename(temporary, path);
    else if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
}

/** Undefined when there is no such file. */
export async function readFileIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** After it, what was renamed there stays renamed. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** As FAT is. */
function isWithoutLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? '');
}

async function writeBeside(path: string, content: string): Promise<string> {
  const temporary = `${path}.${process.pid}.new`;
  // One that a crash has left may be linked to a file that is in use: to write to it would change that.
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}
