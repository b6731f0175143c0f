import { ValidateBy } from 'class-validator';

/**
 * A moment in the notation of RFC 3339, with its zone. Years 0001 to 9999 and zones up to 15:59 are what PostgreSQL
 * takes as well; a leap second is not, which is no moment for a JavaScript Date.
 */
export function IsMoment(): PropertyDecorator {
  return ValidateBy({
    name: 'isMoment',
    validator: {
      validate: (value) => typeof value === 'string' && isMoment(value),
      defaultMessage: () => 'must be a moment with a zone as in RFC 3339: 2026-11-21T08:00:03.120Z',
    },
  });
}

const MOMENT =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-5]):[0-5]\d)$/i;

function isMoment(text: string): boolean {
  const match = MOMENT.exec(text);
  if (!match) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (year === 0 || month < 1 || month > 12 || day < 1) return false;
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, isLeapYear ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= days[month - 1]!;
}
