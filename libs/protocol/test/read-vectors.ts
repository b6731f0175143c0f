import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const vectorsFolder = join(__dirname, 'vectors');

export function readVectors(file: string): unknown {
  return JSON.parse(readFileSync(join(vectorsFolder, file), 'utf8'));
}
