import { readFileSync } from 'node:fs';

const READ_LINES = 200;
const SHOWN_LINES = 5;
const WORTH_SHOWING = new Set<unknown>(['error', 'fatal', 50, 60]);

/** What an app complained about last: messages of its JSON log, and lines that are not JSON, as of a crash. */
export function lastComplaints(logFile: string): string[] {
  let text = '';
  try {
    text = readFileSync(logFile, 'utf8');
  } catch {
    // Without a log there is nothing to quote.
  }
  return text
    .split('\n')
    .slice(-READ_LINES)
    .map(complaintOf)
    .filter((line) => line !== '')
    .slice(-SHOWN_LINES);
}

function complaintOf(line: string): string {
  try {
    const entry = JSON.parse(line) as { level?: unknown; msg?: string };
    return WORTH_SHOWING.has(entry.level) ? (entry.msg ?? '') : '';
  } catch {
    return /^\s+at /.test(line) ? '' : line.trim();
  }
}
