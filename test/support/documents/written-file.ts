import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFile {
  path: string;
  write(text: string): void;
  remove(): void;
}

/** A file with this text, in a folder of its own. */
export function writeTemporaryFile(name: string, text: string): TemporaryFile {
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-file-'));
  const path = join(directory, name);
  writeFileSync(path, text);
  return {
    path,
    write: (next) => writeFileSync(path, next),
    remove: () => rmSync(directory, { recursive: true }),
  };
}
