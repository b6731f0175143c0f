import { RivuletError } from '@rivulet/errors';
import { SpoolFile } from './spool-file';

/** @throws RivuletError ENVIRONMENT_INVALID when the file cannot be opened */
export async function openSpool(path: string, maxRowBytes: number): Promise<SpoolFile> {
  try {
    return await SpoolFile.open(path, maxRowBytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      `EDGE_SPOOL_FILE is "${path}", which cannot be opened: ${code}.`,
      { cause: error },
    );
  }
}
