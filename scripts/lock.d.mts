/** The function that gives the lock back, or undefined while another process holds it. */
export function tryLock(path: string): (() => void) | undefined;

/** The pid of the process that holds the lock, or undefined. */
export function lockHolder(path: string): number | undefined;
