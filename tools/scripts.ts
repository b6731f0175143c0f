import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from './project-paths';

export interface Progress {
  readonly seconds: number;
  update(fraction: number | undefined, detail?: string): void;
  finish(line?: string): void;
}

interface Scripts {
  progress: {
    Progress: new (title: string, options?: { output?: NodeJS.WritableStream; quietMs?: number }) => Progress;
  };
  lock: {
    tryLock: (path: string) => (() => void) | undefined;
    lockHolder: (path: string) => number | undefined;
  };
  'runtime-file': {
    systemRuntimeFile: string;
    writeRuntimeFile: (path: string, runtime: object) => void;
    removeRuntimeFile: (path: string) => void;
  };
}

/** The scripts run before anything is compiled, so they are plain JavaScript, outside of dist/. This shares them. */
export async function loadScript<Name extends keyof Scripts>(name: Name): Promise<Scripts[Name]> {
  return (await import(pathToFileURL(join(projectRoot, 'scripts', `${name}.mjs`)).href)) as Scripts[Name];
}
