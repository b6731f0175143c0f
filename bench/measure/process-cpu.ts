import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';

/** Linux always has 100. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICKS_PER_SECOND = 100;
const USER_TICKS = 11;

/** CPU seconds that a process has taken. */
export function cpuSecondsOf(pid: number): number {
  const [user, system] = ticksOf(pid);
  return (user! + system!) / TICKS_PER_SECOND;
}

/** CPU seconds of a PostgreSQL server: of its processes, and of those that have ended. */
export async function cpuSecondsOfServer(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ pid: number }>(
    `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::integer AS pid`,
  );
  const { pid } = rows[0]!;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const ended = ticksOf(pid).reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SECOND;
  return children.reduce((sum, child) => sum + cpuSecondsIfAlive(child), ended);
}

function cpuSecondsIfAlive(pid: number): number {
  try {
    return cpuSecondsOf(pid);
  } catch {
    // It ended meanwhile, and is in the sum the next time.
    return 0;
  }
}

/** In user and system mode, and the same of children that have ended. */
function ticksOf(pid: number): number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(USER_TICKS, USER_TICKS + 4).map(Number);
}
