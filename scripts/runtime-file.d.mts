/** URLs by name: `centralUrl`, `centralDatabaseUrl`, `edgeUrl`, `edgeDatabaseUrl`; and the process they are of. */
export type Runtime = Partial<Record<`${'central' | 'edge'}${'Url' | 'DatabaseUrl'}`, string>> & {
  pid: number;
  /** Where central listens for agents over TCP. */
  agentPort?: number | undefined;
};

export const systemRuntimeFile: string;
export function appRuntimeFile(app: 'central' | 'edge'): string;
export function writeRuntimeFile(path: string, runtime: Runtime): void;
export function readRuntimeFile(path: string): Runtime | undefined;
export function removeRuntimeFile(path: string): void;
