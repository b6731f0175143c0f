import { realpath } from 'node:fs/promises';
import { RivuletError } from '@rivulet/errors';
import { SpoolFile } from './spool-file';
import { SpoolLock } from './spool-lock';

/**
 * A spool of which two processes append to one file would give each the frames of the other, or what is left of them.
 * Its path leads to the same lock however it is written.
 */
export interface OwnedSpool {
  file: SpoolFile;
  lock: SpoolLock;
}

/** @throws RivuletError ENVIRONMENT_INVALID when the file cannot be opened · SPOOL_TAKEN when another process uses it */
export async function openSpool(path: string, maxRowBytes: number, patienceMs?: number): Promise<OwnedSpool> {
  let file: SpoolFile | undefined;
  try {
    file = await SpoolFile.open(path, maxRowBytes);
    return { file, lock: await SpoolLock.take(await realpath(path), patienceMs) };
  } catch (error) {
    await file?.close();
    if (error instanceof RivuletError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      `EDGE_SPOOL_FILE is "${path}", which cannot be opened: ${code}.`,
      { cause: error },
    );
  }
}
