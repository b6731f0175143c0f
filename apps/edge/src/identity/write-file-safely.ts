import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Readable by this user alone; after a power cut the file has either its old content or the new one. */
export async function writeFileSafely(path: string, content: string): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
