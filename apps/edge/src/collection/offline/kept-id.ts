import { hash } from 'node:crypto';
import { encodeTime } from 'ulid';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_LENGTH = 10;
const REST_LENGTH = 16;

/** A ULID of the scheduled time, the same for the same job and time: rows are kept once, and the oldest sorts first. */
export function keptId(jobId: string, scheduledFor: Date): string {
  const rest = hash('sha256', `rivulet kept ${jobId}`, 'buffer').subarray(0, REST_LENGTH);
  const letters = [...rest].map((byte) => CROCKFORD[byte % CROCKFORD.length]!).join('');
  return `${encodeTime(scheduledFor.getTime(), TIME_LENGTH)}${letters}`;
}
