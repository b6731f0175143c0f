import { hash } from 'node:crypto';
import { join } from 'node:path';
import { readFileIfThere, writeFileSafely } from '../../disk/write-file-safely';
import type { KnownTime } from './central-time';

export const SCHEDULE_FILE = 'schedule.json';

/** The schedule that central has signed, whose signature was verified when it came, and the time then. */
export interface KeptSchedule {
  /** As central has signed it. */
  json: string;
  known: KnownTime;
}

/** The schedule on disk, with a sum by which a torn or changed file is noticed. */
export class ScheduleFile {
  private readonly path: string;

  constructor(directory: string) {
    this.path = join(directory, SCHEDULE_FILE);
  }

  async write({ json, known }: KeptSchedule): Promise<void> {
    const content = { json, known };
    await writeFileSafely(this.path, JSON.stringify({ ...content, sum: sumOf(content) }));
  }

  /** Undefined where there is none; `torn` where there is no whole one. */
  async read(): Promise<KeptSchedule | 'torn' | undefined> {
    const text = await readFileIfThere(this.path);
    if (text === undefined) return undefined;
    try {
      const { json, known, sum } = JSON.parse(text) as KeptSchedule & { sum: string };
      const content = { json, known };
      return sum === sumOf(content) ? content : 'torn';
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError) return 'torn';
      throw error;
    }
  }
}

function sumOf(content: KeptSchedule): string {
  return hash('sha256', JSON.stringify(content));
}
