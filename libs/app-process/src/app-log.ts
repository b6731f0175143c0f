export interface LogEntry {
  level: string;
  msg: string;
}

const COMPLAINTS = new Set(['warn', 'error', 'fatal']);
const FAILURES = new Set(['error', 'fatal']);
const READ_LINES = 200;
const SHOWN_LINES = 5;

/** The entries of a JSON log at WARN and above. */
export function complaintsIn(log: string): LogEntry[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogEntry)
    .filter(({ level }) => COMPLAINTS.has(level));
}

/** The last errors of a JSON log, and its last lines that are not JSON, as of a crash; without stacks. */
export function lastFailuresIn(log: string): string[] {
  return log
    .split('\n')
    .slice(-READ_LINES)
    .map(failureIn)
    .filter((line) => line !== '')
    .slice(-SHOWN_LINES);
}

function failureIn(line: string): string {
  try {
    const { level, msg } = JSON.parse(line) as Partial<LogEntry>;
    return FAILURES.has(level ?? '') ? (msg ?? '') : '';
  } catch {
    return /^\s+at /.test(line) ? '' : line.trim();
  }
}
